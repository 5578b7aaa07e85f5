//! What a campaign may say, and what a voucher must have.

use unicode_normalization::UnicodeNormalization;

use crate::{
    budget::yuan,
    clock::Ms,
    config::LimitsConfig,
    error::{ApiError, ApiResult},
    letters::{is_blank, is_han},
    wire::{CampaignStatus, Fen, VoucherAmount, VoucherField, VoucherFields, VoucherRules},
};

const NAME_CHARS: usize = 60;
const ITEM_CHARS: usize = 40;
const ITEMS: usize = 20;
const INTRO_CHARS: usize = 500;
const PER_PERSON: i64 = 1_000;
const PHOTOS: i64 = 9;
/// The year 2100: later moments are mistakes.
const LAST: Ms = 4_102_444_800_000;

fn invalid(field: &str, detail: impl Into<String>) -> ApiError {
    ApiError::invalid("invalid", field, detail)
}

/// A name without blanks around it.
pub(super) fn name(name: &str) -> ApiResult<String> {
    let name = name.trim();
    let fits = (1..=NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err(invalid("name", "活动名称须为 1 到 60 个字。")) }
}

/// 422 with the field when rules make no sense, `amount_range` when an amount cannot be paid.
pub(super) fn check(rules: &VoucherRules, limits: &LimitsConfig) -> ApiResult<()> {
    amounts(&rules.amount, limits)?;
    if !(1..=PER_PERSON).contains(&rules.per_person) {
        return Err(invalid("rules.per_person", "每人最多份数应为 1 到 1000。"));
    }
    if !(1..=rules.photos_max).contains(&rules.photos_min) || rules.photos_max > PHOTOS {
        return Err(invalid("rules.photos_max", "照片数应为 1 到 9 张，且最少不多于最多。"));
    }
    let moments = [rules.starts_at, rules.ends_at];
    if moments.into_iter().flatten().any(|at| !(0..=LAST).contains(&at)) {
        return Err(invalid("rules.starts_at", "活动时间不对。"));
    }
    if let (Some(from), Some(to)) = (rules.starts_at, rules.ends_at)
        && from >= to
    {
        return Err(invalid("rules.ends_at", "结束时间须晚于开始时间。"));
    }
    let twice = |at: usize| rules.fields.iter().take(at).any(|before| before.field == rules.fields[at].field);
    if (0..rules.fields.len()).any(twice) {
        return Err(invalid("rules.fields", "同一栏目只能出现一次。"));
    }
    if rules.second_review_fen == Some(Fen(0)) {
        return Err(invalid("rules.second_review_fen", "复审金额须大于 0；不需要复审请留空。"));
    }
    if rules.intro.chars().count() > INTRO_CHARS {
        return Err(invalid("rules.intro", "活动说明最多 500 个字。"));
    }
    Ok(())
}

fn amounts(amount: &VoucherAmount, limits: &LimitsConfig) -> ApiResult<()> {
    let all: Vec<i64> = match amount {
        VoucherAmount::Fixed { fen } => vec![fen.0],
        VoucherAmount::Table { rows } => {
            if !(1..=ITEMS).contains(&rows.len()) {
                return Err(invalid("rules.amount", "金额表应有 1 到 20 行。"));
            }
            let named = |name: &str| (1..=ITEM_CHARS).contains(&name.trim().chars().count());
            if rows.iter().any(|row| !named(&row.name) || row.name.chars().any(char::is_control)) {
                return Err(invalid("rules.amount", "金额表每一行的名称须为 1 到 40 个字。"));
            }
            rows.iter().map(|row| row.fen.0).collect()
        }
    };
    let range = limits.packet_min..=limits.packet_max;
    if all.iter().all(|fen| range.contains(fen)) {
        return Ok(());
    }
    let detail = format!("每份奖励须在 {} 至 {} 之间。", yuan(limits.packet_min), yuan(limits.packet_max));
    Err(ApiError::invalid("amount_range", "rules.amount", detail))
}

/// Amount and name of a row; 422 `item` when there is none.
pub(super) fn item(amount: &VoucherAmount, at: i64) -> ApiResult<(i64, String)> {
    match amount {
        VoucherAmount::Fixed { fen } if at == 0 => Ok((fen.0, String::new())),
        VoucherAmount::Table { rows } => usize::try_from(at)
            .ok()
            .and_then(|at| rows.get(at))
            .map(|row| (row.fen.0, row.name.trim().to_owned()))
            .ok_or_else(no_item),
        VoucherAmount::Fixed { .. } => Err(no_item()),
    }
}

fn no_item() -> ApiError {
    ApiError::invalid("item", "item", "请从金额表里选择一项。")
}

/// Whether the campaign takes something now; 409 `campaign_closed`.
pub(super) fn open(status: CampaignStatus, rules: &VoucherRules, now: Ms) -> ApiResult<()> {
    if is_open(status, rules, now) {
        return Ok(());
    }
    let detail = match rules.starts_at {
        Some(at) if now < at => "活动还没有开始，请稍后再来。",
        _ => "活动已结束，不再接收凭证。",
    };
    Err(ApiError::conflict("campaign_closed", detail))
}

/// The same as a flag.
pub(super) fn is_open(status: CampaignStatus, rules: &VoucherRules, now: Ms) -> bool {
    status == CampaignStatus::Open
        && rules.starts_at.is_none_or(|at| now >= at)
        && rules.ends_at.is_none_or(|at| now < at)
}

/// What the person wrote, without blanks around it and control characters inside; 422 `text` when too long.
pub(super) fn fields(wrote: &VoucherFields) -> ApiResult<VoucherFields> {
    let clean = |text: &str, chars: usize, field: &str| {
        let text: String = text.trim().chars().filter(|letter| !letter.is_control()).collect();
        if text.chars().count() > chars {
            return Err(ApiError::invalid("text", field, format!("最多 {chars} 个字，请缩短。")));
        }
        Ok(text)
    };
    // Other alphabets have letters that look like ours: each would make another number of the same order.
    if wrote.order_no.nfkc().any(|letter| letter.is_alphanumeric() && !letter.is_ascii() && !is_han(letter)) {
        let detail = "订单号里有不常见的字母或数字，请照着订单重新输入。";
        return Err(ApiError::invalid("text", "fields.order_no", detail));
    }
    Ok(VoucherFields {
        order_no: clean(&wrote.order_no, 64, "fields.order_no")?,
        shop: clean(&wrote.shop, 100, "fields.shop")?,
        product: clean(&wrote.product, 100, "fields.product")?,
        note: clean(&wrote.note, 200, "fields.note")?,
    })
}

/// Everything that the campaign wants is there; 422 `missing` with the field.
pub(super) fn complete(rules: &VoucherRules, fields: &VoucherFields) -> ApiResult<()> {
    for ask in rules.fields.iter().filter(|ask| ask.required) {
        let (value, field, words) = match ask.field {
            VoucherField::OrderNo => (order_key(&fields.order_no), "fields.order_no", "请填写订单号。"),
            VoucherField::Shop => (fields.shop.clone(), "fields.shop", "请填写店铺。"),
            VoucherField::Product => (fields.product.clone(), "fields.product", "请填写商品。"),
            VoucherField::Note => (fields.note.clone(), "fields.note", "请填写说明。"),
        };
        if is_blank(&value) {
            return Err(ApiError::invalid("missing", field, words));
        }
    }
    Ok(())
}

/// An order number as it is compared: letters and digits only, whatever their width and case.
pub(super) fn order_key(number: &str) -> String {
    number.nfkc().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_order_has_one_key_however_it_is_typed() {
        for typed in ["SO-2026 0001", " so20260001", "ＳＯ２０２６０００１", "SO_2026/0001"] {
            assert_eq!(order_key(typed), "SO20260001", "{typed}");
        }
        let wrote =
            |order_no: &str| VoucherFields { order_no: order_no.to_owned(), ..VoucherFields::default() };
        for typed in ["АВ20261", "AB٢٠٢٦١", "ΑB20261"] {
            assert_eq!(fields(&wrote(typed)).unwrap_err().code(), "text", "{typed}");
        }
        for typed in ["AB20261", "ＡＢ２０２６１", "京东 2026-1", ""] {
            fields(&wrote(typed)).unwrap();
        }
        assert_eq!(order_key("--- "), "");
        assert_ne!(order_key("SO1"), order_key("SO10"));
    }
}
