//! The part of the page where faults are asked for.

use std::fmt::Write as _;

use super::faults::{Fault, FaultKind};
use super::page::{escape, table};

/// A word of a fault as programs write it.
fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Forms for a fault and for the merchant's balance, and the faults that wait.
pub(super) fn section(faults: &[Fault], balance_fen: Option<i64>) -> String {
    let mut options = String::new();
    for kind in FaultKind::ALL.iter().filter(|kind| **kind != FaultKind::Code) {
        // Writing to a String cannot fail.
        let _ = write!(options, "<option value=\"{}\">{}</option>", word(kind), escape(kind.sentence()));
    }
    let balance = balance_fen.map_or(String::new(), |fen| (fen / 100).to_string());
    let mut out = format!(
        "<h2>让微信支付出故障</h2><form method=\"post\" action=\"/sandbox/form/fault\">\
         <label>故障 <select name=\"kind\">{options}</select></label> \
         <label>接下来几次 <input name=\"count\" type=\"number\" min=\"1\" max=\"9999\" value=\"1\"></label> \
         <label>只对 openid（可空）<input name=\"openid\" maxlength=\"32\"></label> <button>设定</button></form> \
         <form method=\"post\" action=\"/sandbox/form/balance\"><label>商户余额（元，留空不限）\
         <input name=\"yuan\" inputmode=\"numeric\" maxlength=\"9\" value=\"{balance}\"></label> \
         <button>设定余额</button></form>"
    );
    let rows = faults.iter().map(|fault| {
        let mut only = String::new();
        for (name, value) in [("openid", &fault.openid), ("单号", &fault.bill_no)] {
            if let Some(value) = value {
                let _ = write!(only, "{name} {} ", escape(value));
            }
        }
        if let Some(percent) = fault.percent {
            let _ = write!(only, "概率 {percent}%（种子 {}）", fault.seed);
        }
        vec![
            word(fault.kind),
            escape(fault.kind.sentence()),
            escape(&fault.code),
            fault.count.to_string(),
            only,
        ]
    });
    out.push_str(&table(
        "等待发生的故障",
        faults.len(),
        &["名称", "说明", "错误码", "还有几次", "只对"],
        rows,
    ));
    out.push_str("<form method=\"post\" action=\"/sandbox/form/faults\"><button>清除故障</button></form>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_chosen_and_texts_are_harmless() {
        let fault = Fault::of_form(FaultKind::Timeout, 2, "<script>");
        let page = section(&[fault], Some(12_300));
        for kind in FaultKind::ALL.iter().filter(|kind| **kind != FaultKind::Code) {
            assert!(page.contains(&format!("value=\"{}\"", word(kind))), "{kind:?}");
        }
        assert!(page.contains("&lt;script&gt;") && page.contains("value=\"123\""));
    }
}
