//! The part of the page where faults are asked for.

use std::fmt::Write as _;

use super::faults::{Fault, FaultKind};
use super::lang::Lang;
use super::page::{escape, table};

/// A word of a fault as programs write it.
fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Forms for a fault and for the merchant's balance, and the faults that wait.
pub(super) fn section(lang: Lang, faults: &[Fault], balance_fen: Option<i64>) -> String {
    let mut options = String::new();
    for kind in FaultKind::ALL.iter().filter(|kind| **kind != FaultKind::Code) {
        // Writing to a String cannot fail.
        let _ = write!(options, "<option value=\"{}\">{}</option>", word(kind), escape(kind.sentence(lang)));
    }
    let balance = balance_fen.map_or(String::new(), |fen| (fen / 100).to_string());
    let (title, fault, next, only) = (
        lang.say("让微信支付出故障", "Let WeChat Pay fail"),
        lang.say("故障", "Fault"),
        lang.say("接下来几次", "The next calls"),
        lang.say("只对 openid（可空）", "Only this openid (may be empty)"),
    );
    let (set, left, set_balance) = (
        lang.say("设定", "Set"),
        lang.say("商户余额（元，留空不限）", "Merchant's balance (yuan; empty is without end)"),
        lang.say("设定余额", "Set the balance"),
    );
    let mut out = format!(
        "<h2>{title}</h2><form method=\"post\" action=\"/sandbox/form/fault\">\
         <label>{fault} <select name=\"kind\">{options}</select></label> \
         <label>{next} <input name=\"count\" type=\"number\" min=\"1\" max=\"9999\" value=\"1\"></label> \
         <label>{only} <input name=\"openid\" maxlength=\"32\"></label> <button>{set}</button></form> \
         <form method=\"post\" action=\"/sandbox/form/balance\"><label>{left} \
         <input name=\"yuan\" inputmode=\"numeric\" maxlength=\"9\" value=\"{balance}\"></label> \
         <button>{set_balance}</button></form>"
    );
    let rows = faults.iter().map(|fault| {
        let mut only = String::new();
        for (name, value) in [("openid", &fault.openid), (lang.say("单号", "bill"), &fault.bill_no)] {
            if let Some(value) = value {
                let _ = write!(only, "{name} {} ", escape(value));
            }
        }
        if let Some(percent) = fault.percent {
            let (chance, seed) = (lang.say("概率", "chance"), lang.say("种子", "seed"));
            let _ = write!(only, "{chance} {percent}% ({seed} {})", fault.seed);
        }
        vec![
            word(fault.kind),
            escape(fault.kind.sentence(lang)),
            escape(&fault.code),
            fault.count.to_string(),
            only,
        ]
    });
    let heads = lang.say("名称|说明|错误码|还有几次|只对", "Name|What it does|Error code|Calls left|Only");
    out.push_str(&table(lang.say("等待发生的故障", "Faults that wait"), faults.len(), heads, rows));
    let clear = lang.say("清除故障", "Clear the faults");
    // Writing to a String cannot fail.
    let _ =
        write!(out, "<form method=\"post\" action=\"/sandbox/form/faults\"><button>{clear}</button></form>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_chosen_and_texts_are_harmless() {
        let fault = Fault::of_form(FaultKind::Timeout, 2, "<script>");
        let page = section(Lang::Zh, &[fault], Some(12_300));
        for kind in FaultKind::ALL.iter().filter(|kind| **kind != FaultKind::Code) {
            assert!(page.contains(&format!("value=\"{}\"", word(kind))), "{kind:?}");
        }
        assert!(page.contains("&lt;script&gt;") && page.contains("value=\"123\""));
    }
}
