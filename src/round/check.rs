//! What prizes and rounds may be: the protocol's rules, the payer's limits, the meeting's own.

use super::convert;
use crate::{
    config::LimitsConfig,
    draw::{
        Hash32, drand,
        entropy::{Level, Value},
    },
    error::{ApiError, ApiResult},
    wire::{Award, Eligible, EntropyValue, Exclude, NewRound, PrizeKind, Source},
};

/// Most winners of a draw (draw protocol §10).
const SEATS_MAX: i64 = 100_000;
/// Longest code and group in the log.
const CODE_MAX: usize = 64;
/// Most departments or groups that one round may name.
const LISTED_MAX: usize = 200;

/// `[A-Za-z0-9._-]`, 1–64: names in the log.
pub(super) fn code(field: &str, value: &str) -> ApiResult<()> {
    let good = (1..=CODE_MAX).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if good {
        return Ok(());
    }
    Err(ApiError::invalid("code", field, "代号只能用 1 到 64 个英文字母、数字、点、下划线和连字符。"))
}

/// Every rule of a round that does not depend on who is bound.
pub(super) fn round(new: &NewRound, kind: PrizeKind, limits: &LimitsConfig) -> ApiResult<()> {
    if !(1..=SEATS_MAX).contains(&new.seats) {
        return Err(ApiError::invalid("invalid", "seats", "中奖人数为 1 到 100000。"));
    }
    if new.exclude == Exclude::Group || !new.group.is_empty() {
        code("group", &new.group)?;
    }
    eligible(&new.eligible)?;
    if let Some(list) = &new.sources {
        sources(list)?;
    }
    award(&new.award, kind)?;
    amounts(&new.award, new.seats, limits)
}

fn eligible(eligible: &Eligible) -> ApiResult<()> {
    for (field, list) in
        [("eligible.departments", &eligible.departments), ("eligible.groups", &eligible.groups)]
    {
        if list.len() > LISTED_MAX {
            return Err(ApiError::invalid("invalid", field, format!("最多列出 {LISTED_MAX} 项。")));
        }
        for name in list {
            crate::meeting::check::text(field, name, 1, 60)?;
        }
    }
    Ok(())
}

/// A cash prize has an amount, a thing has none.
fn award(award: &Award, kind: PrizeKind) -> ApiResult<()> {
    match (kind, award) {
        (PrizeKind::Goods, Award::None)
        | (PrizeKind::Cash | PrizeKind::Both, Award::Fixed { .. } | Award::Split { .. }) => Ok(()),
        (PrizeKind::Goods, _) => {
            Err(ApiError::invalid("award", "award", "实物奖项不发红包，请把奖金设为“无”或更换奖项。"))
        }
        (_, Award::None) => Err(ApiError::invalid("award", "award", "红包奖项需要填写金额。")),
    }
}

/// Each packet that could come out lies within the payer's limits: 422 `amount_range` otherwise.
pub(super) fn amounts(award: &Award, seats: i64, limits: &LimitsConfig) -> ApiResult<()> {
    let (least, most) = (limits.packet_min, limits.packet_max);
    let yuan = |fen: i64| format!("{}.{:02}", fen / 100, fen % 100);
    let range = |field: &str, detail: String| Err(ApiError::invalid("amount_range", field, detail));
    match award {
        Award::None => Ok(()),
        Award::Fixed { fen } if (least..=most).contains(&fen.0) => Ok(()),
        Award::Fixed { .. } => {
            range("award.fen", format!("单个红包须在 {} 至 {} 元之间。", yuan(least), yuan(most)))
        }
        Award::Split { min_fen, .. } if !(least..=most).contains(&min_fen.0) => {
            range("award.min_fen", format!("最小红包须在 {} 至 {} 元之间。", yuan(least), yuan(most)))
        }
        Award::Split { fen, min_fen } => {
            // Amounts are at most 10^12 fen and seats 10^5: no overflow in 64 bits.
            if fen.0 < seats * min_fen.0 {
                return range("award.fen", "总金额不够每人一份最小红包，请提高总额或减少人数。".into());
            }
            if fen.0 - (seats - 1) * min_fen.0 > most {
                let detail =
                    format!("按此总额，单个红包可能超过 {} 元，请降低总额或提高最小金额。", yuan(most));
                return range("award.fen", detail);
            }
            Ok(())
        }
    }
}

/// What a round can cost in cash, fen.
pub(super) fn cost(award: &Award, seats: i64) -> i64 {
    match award {
        Award::None => 0,
        Award::Fixed { fen } => fen.0 * seats,
        Award::Split { fen, .. } => fen.0,
    }
}

/// Each type at most once, in the protocol's order, within its limits: 422 `sources` otherwise.
pub(super) fn sources(list: &[Source]) -> ApiResult<()> {
    let wrong = |detail: &str| Err(ApiError::invalid("sources", "sources", detail));
    let order = |source: &Source| match source {
        Source::Audience {} => 1,
        Source::Dice { .. } => 2,
        Source::Words { .. } => 3,
        Source::Drand { .. } => 4,
    };
    if !list.windows(2).all(|pair| order(&pair[0]) < order(&pair[1])) {
        return wrong("随机来源各用一次，顺序为：观众、骰子、词语、drand。");
    }
    for source in list {
        match source {
            Source::Dice { sides, count } if !(2..=100).contains(sides) || !(1..=100).contains(count) => {
                return wrong("骰子为 2 到 100 面、掷 1 到 100 次。");
            }
            Source::Words { count } if !(1..=20).contains(count) => return wrong("词语为 1 到 20 个。"),
            Source::Drand { .. } if !drand::VERIFIED => {
                return wrong(
                    "本服务器的程序不含 drand 签名验证，请改用骰子或词语（编译时加 --features drand）。",
                );
            }
            Source::Drand { chain, round } if !chain.is_empty() || *round != 0 => {
                return wrong("drand 的轮次由服务器在锁定时确定，请不要填写。");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The level that these sources can give: an audience counts as if somebody tapped (draw protocol §2).
pub(super) fn level(list: &[Source]) -> Level {
    let one = Value::Audience { m: 1, root: Hash32::ZERO };
    let of = |source| convert::source(source).map_or(Level::A0, |source| source.level(&one));
    list.iter().map(of).max().unwrap_or(Level::A0)
}

/// The level of a draw: what its closed values give, and what the open sources still can.
pub(super) fn level_so_far(sources: &[Source], values: &[EntropyValue]) -> Level {
    let tapped = |i: usize| !matches!(values.get(i), Some(EntropyValue::Audience { m: 0, .. }));
    let counting: Vec<Source> =
        sources.iter().enumerate().filter(|(i, _)| tapped(*i)).map(|(_, source)| source.clone()).collect();
    level(&counting)
}

/// Refuses sources below the meeting's least level: 422 `level`.
pub(super) fn least_level(list: &[Source], least: &str) -> ApiResult<()> {
    let given = level(list).to_string();
    if given.as_str() >= least {
        return Ok(());
    }
    let detail =
        format!("随机来源只能达到 {given} 级，活动要求至少 {least} 级。请增加骰子（如 12 个十面骰）或词语。");
    Err(ApiError::invalid("level", "sources", detail))
}

/// Audience and twelve ten-sided dice: level A2.
pub(super) fn default_sources() -> Vec<Source> {
    vec![Source::Audience {}, Source::Dice { sides: 10, count: 12 }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, wire::Fen};

    fn code_of(result: ApiResult<()>) -> &'static str {
        result.err().map_or("", |error| error.code())
    }

    #[test]
    fn packets_stay_within_the_limits() {
        let limits = Config::load(None).unwrap().limits;
        let fixed = |fen| code_of(amounts(&Award::Fixed { fen: Fen(fen) }, 3, &limits));
        for bad in [0, 1, 99, 20_001, 1_000_000_000] {
            assert_eq!(fixed(bad), "amount_range", "{bad}");
        }
        assert_eq!((fixed(100), fixed(20_000)), ("", ""));
        let split =
            |fen, min, k| code_of(amounts(&Award::Split { fen: Fen(fen), min_fen: Fen(min) }, k, &limits));
        assert_eq!(split(8_888, 100, 6), "");
        assert_eq!(split(599, 100, 6), "amount_range", "not one least part each");
        assert_eq!(split(20_500, 100, 6), "", "the largest part is 200 yuan");
        assert_eq!(split(20_501, 100, 6), "amount_range");
        assert_eq!(split(8_888, 99, 6), "amount_range");
        assert_eq!(split(20_000, 100, 1), "");
        assert_eq!(split(20_001, 100, 1), "amount_range");
    }

    #[test]
    fn sources_have_an_order_and_a_level() {
        let dice = |sides, count| Source::Dice { sides, count };
        assert_eq!(code_of(sources(&default_sources())), "");
        assert_eq!(level(&default_sources()), Level::A2);
        assert_eq!(level(&[dice(10, 11)]), Level::A0);
        assert_eq!(level(&[dice(6, 16)]), Level::A2);
        assert_eq!(level(&[dice(100, 100)]), Level::A2);
        assert_eq!(level(&[Source::Words { count: 2 }]), Level::A0);
        assert_eq!(level(&[Source::Words { count: 3 }]), Level::A2);
        assert_eq!(level(&[Source::Audience {}]), Level::A1);
        assert_eq!(code_of(least_level(&[Source::Audience {}], "A2")), "level");
        for bad in [
            vec![dice(10, 1), Source::Audience {}],
            vec![dice(10, 1), dice(10, 1)],
            vec![dice(1, 1)],
            vec![dice(10, 0)],
            vec![Source::Words { count: 21 }],
        ] {
            assert_eq!(code_of(sources(&bad)), "sources", "{bad:?}");
        }
    }
}
