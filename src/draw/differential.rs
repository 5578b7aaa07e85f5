//! Cases for a second verifier: honest and tampered evenings with what this one says of them. The browser's verifier,
//! written from the specification alone, reads the file and must say the same.
//!
//! `KAIJIANG_CASES` says how many evenings (each gives some sixty cases), `KAIJIANG_CASES_SEED` where to begin, and
//! `KAIJIANG_CASES_FILE` where to write; without it nothing is written.

use super::evening::{Evening, check};
use super::hash::sha256;
use super::seed::Keystream;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;

/// Evenings of the short form.
const EVENINGS: u64 = 50;
/// Tampered ones of each kind for one evening.
const EACH: u64 = 9;

struct Dice(Keystream);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.uniform(u64::try_from(bound.max(1)).unwrap())).unwrap()
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Pointers to everything in a document.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{i}"), into);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                places(field, &format!("{at}/{key}"), into);
            }
        }
        _ => {}
    }
}

/// One small change somewhere.
fn change(document: &mut Value, dice: &mut Dice) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let from: &String = dice.one_of(&all);
    let other = document.pointer(from).cloned().unwrap_or(Value::Null);
    let at = dice.one_of(&all).clone();
    let Some(value) = document.pointer_mut(&at) else { return };
    match (dice.below(6), &mut *value) {
        (0 | 1, Value::Number(number)) => {
            let old = number.as_u64().unwrap_or(0);
            *value = json!(if dice.below(2) == 0 { old + 1 } else { old.saturating_sub(1) });
        }
        (0 | 1, Value::String(text)) if text.is_ascii() && !text.is_empty() => {
            let place = dice.below(text.len());
            let letter = dice.one_of(&["0", "1", "a", "f", "A", ".", "\u{e9}"]).to_string();
            text.replace_range(place..=place, &letter);
        }
        (0..=2, Value::Array(items)) if !items.is_empty() => {
            let (one, two) = (dice.below(items.len()), dice.below(items.len()));
            match dice.below(3) {
                0 => items.swap(one, two),
                1 => drop(items.remove(one)),
                _ => items.insert(two, items[one].clone()),
            }
        }
        (0..=2, Value::Object(fields)) if !fields.is_empty() => {
            let key = fields.keys().nth(dice.below(fields.len())).cloned().unwrap_or_default();
            match dice.below(3) {
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert(format!("{key}x"), json!(1))),
                _ => drop(fields.insert(key, other)),
            }
        }
        (3, _) => *value = Value::Null,
        (4, _) => {
            *value = dice.one_of(&[json!(0), json!(1), json!(""), json!([]), json!({}), json!(true)]).clone();
        }
        _ => *value = other,
    }
}

fn changed(text: &str, dice: &mut Dice) -> String {
    let mut document: Value = serde_json::from_str(text).unwrap();
    for _ in 0..=dice.below(2) {
        change(&mut document, dice);
    }
    document.to_string()
}

/// Lines as an operator would rewrite them, numbers set right again.
fn rewritten(lines: &[String], dice: &mut Dice) -> Vec<String> {
    let mut lines = lines.to_vec();
    let at = dice.below(lines.len());
    match dice.below(6) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(dice.below(lines.len()), lines[at].clone()),
        2 => {
            let other = dice.below(lines.len());
            lines.swap(at, other);
        }
        3 => lines.truncate(at + 1),
        _ => lines[at] = changed(&lines[at], dice),
    }
    if dice.below(4) > 0 {
        for (seq, line) in lines.iter_mut().enumerate() {
            if let Ok(mut value) = serde_json::from_str::<Value>(line)
                && value.is_object()
            {
                value["seq"] = json!(seq);
                *line = value.to_string();
            }
        }
    }
    lines
}

/// A line that belongs to what happened, but perhaps not there or not any more.
fn appended(lines: &[String], dice: &mut Dice) -> Vec<String> {
    let mut all = lines.to_vec();
    let read = |line: &String| serde_json::from_str::<Value>(line).unwrap();
    let results: Vec<Value> = lines.iter().map(read).filter(|line| line["t"] == "draw.result").collect();
    if results.is_empty() {
        return all;
    }
    let result = dice.one_of(&results);
    let winner = dice.one_of(result["winners"].as_array().unwrap());
    // The seats of those who were set aside are the interesting ones.
    let aside: Vec<Value> = lines.iter().map(read).filter(|line| line["status"] == "absent").collect();
    let meant = |absent: &Value| {
        let of = results.iter().find(|result| result["draw"] == absent["draw"])?;
        let found = of["winners"].as_array()?.iter().find(|winner| winner["r"] == absent["r"])?;
        Some((of, found))
    };
    let absent = if aside.is_empty() { None } else { meant(dice.one_of(&aside)) };
    let (result, winner) = absent.filter(|_| dice.below(2) == 0).unwrap_or((result, winner));
    let paid: Vec<Value> = lines.iter().map(read).filter(|line| line["t"] == "payout").collect();
    let mut line = match dice.below(4) {
        0 => json!({ "t": "winner.status", "draw": result["draw"], "r": winner["r"],
            "status": dice.one_of(&["present", "absent", "declined"]) }),
        1 if !paid.is_empty() => dice.one_of(&paid).clone(),
        2 => {
            json!({ "t": "draw.void", "draw": result["draw"], "secret": result["secret"], "reason": "again" })
        }
        _ => json!({ "t": "payout", "draw": result["draw"], "r": winner["r"], "pid": winner["pid"],
            "c": winner["c"], "a": 1 + dice.below(2), "ref": result["seed"],
            "status": dice.one_of(&["sent", "failed", "refunded"]) }),
    };
    let end =
        if all.last().is_some_and(|last| last.contains("event.close")) { all.len() - 1 } else { all.len() };
    (line["seq"], line["ts"]) = (json!(end), json!(1));
    all.truncate(end);
    all.push(line.to_string());
    all
}

/// One number of a commit or a result is another one.
fn renumbered(lines: &[String], dice: &mut Dice) -> Vec<String> {
    let mut all = lines.to_vec();
    let fit: Vec<usize> = (0..all.len())
        .filter(|i| all[*i].contains("draw.commit") || all[*i].contains("draw.result"))
        .collect();
    if fit.is_empty() {
        return all;
    }
    let line = &mut all[*dice.one_of(&fit)];
    let mut value: Value = serde_json::from_str(line).unwrap();
    if dice.below(6) == 0
        && let Some(winners) = value["winners"].as_array_mut()
    {
        winners.pop();
    }
    let mut at = Vec::new();
    places(&value, "", &mut at);
    at.retain(|at| value.pointer(at).is_some_and(Value::is_number) && at != "/seq");
    let place: &String = dice.one_of(&at);
    let number = value.pointer_mut(place).unwrap();
    let old = number.as_u64().unwrap();
    *number = json!(*dice.one_of(&[0, 1, old + 1, old.saturating_sub(1), (1 << 53) - 1]));
    *line = value.to_string();
    all
}

/// Other spellings of the same numbers, doubled keys, deep nesting, rubbish.
fn respelled(text: &str, dice: &mut Dice) -> String {
    match dice.below(5) {
        0 => text.replacen("\"draw\":1,", "\"draw\":1.0,", 1),
        1 => text.replacen("\"draws\":[", "\"draws\":0,\"draws\":[", 1),
        2 => text.replacen(
            "\"s\":",
            &format!("\"s\":{}", dice.one_of(&["1", "-", "9007199254740992", "0."])),
            1,
        ),
        3 => text.replacen(
            "\"taps\":",
            &format!("\"taps\":{}1{},\"taps\":", "[".repeat(90), "]".repeat(90)),
            1,
        ),
        _ => text.chars().take(dice.below(text.chars().count())).collect(),
    }
}

fn flipped(text: &str, dice: &mut Dice) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = dice.below(bytes.len());
    bytes[at] = u8::try_from(0x20 + dice.below(0x5f)).unwrap();
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// All cases of one evening: bundle and what the device knows.
fn cases(seed: u64) -> Vec<(String, Option<String>)> {
    let evening = Evening::run(seed);
    let (bundle, local) = (evening.bundle(), evening.local());
    let mut dice = Dice(Keystream::new(&sha256(&seed.to_be_bytes()), 77));
    let mut cases = vec![(bundle.clone(), Some(local.clone())), (bundle.clone(), None)];
    for _ in 0..EACH {
        cases.push((flipped(&bundle, &mut dice), None));
        cases.push((changed(&bundle, &mut dice), Some(local.clone())));
        cases.push((evening.forged(rewritten(evening.lines(), &mut dice)), Some(local.clone())));
        cases.push((evening.forged(rewritten(evening.lines(), &mut dice)), None));
        cases.push((evening.forged(appended(evening.lines(), &mut dice)), None));
        cases.push((evening.forged(renumbered(evening.lines(), &mut dice)), None));
        cases.push((bundle.clone(), Some(changed(&local, &mut dice))));
    }
    let mut signed: Value = serde_json::from_str(&bundle).unwrap();
    signed["checkpoint"]["sig"] = json!(sha256(bundle.as_bytes()).to_string().repeat(2));
    cases.push((signed.to_string(), None));
    cases.push((respelled(&bundle, &mut dice), Some(local)));
    cases
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn cases_reach_every_check() {
    let (evenings, first) = (number("KAIJIANG_CASES", EVENINGS), number("KAIJIANG_CASES_SEED", 1));
    let mut file = std::env::var_os("KAIJIANG_CASES_FILE")
        .map(|path| std::io::BufWriter::new(std::fs::File::create(path).unwrap()));
    let mut reached = BTreeSet::new();
    for seed in first..first + evenings {
        for (bundle, local) in cases(seed) {
            let report = serde_json::to_value(check(&bundle, local.as_deref())).unwrap();
            reached.extend(report["error"].as_str().map(str::to_owned));
            let warnings = report["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
            reached.extend(warnings.filter_map(|name| name.split(':').next()).map(str::to_owned));
            if let Some(file) = &mut file {
                let case = json!({ "seed": seed, "bundle": bundle, "local": local, "report": report });
                writeln!(file, "{case}").unwrap();
            }
        }
    }
    // Fewer evenings are for looking at one case again.
    let missing: Vec<_> = WANTED.iter().filter(|name| !reached.contains(**name)).collect();
    assert!(evenings < EVENINGS || missing.is_empty(), "never reached: {missing:?}");
}

/// What the cases of the short form must reach; the vectors have the rest.
const WANTED: [&str; 40] = [
    "E_SCHEMA",
    "E_CANON",
    "E_ENTRY",
    "E_SEQ",
    "E_EVENT",
    "E_KEY",
    "E_HEAD",
    "E_SIG",
    "E_SHORT",
    "E_FORK",
    "E_PARAM",
    "E_ORDER",
    "E_DRAWNO",
    "E_REDRAW",
    "E_ENTROPY",
    "E_CHAIN",
    "E_SEED",
    "E_COUNT",
    "E_WINNERLIST",
    "E_AWARD",
    "E_STATUS",
    "E_PAY",
    "E_PAY_STATE",
    "E_PROOF",
    "E_POOL_SUM",
    "E_POOL_ROOT",
    "E_TAPS",
    "E_ME_PID",
    "E_RECEIPT",
    "E_ME_PROOF",
    "W_VOID",
    "W_VOID_RESULT",
    "W_ABSENT",
    "W_TEST",
    "W_WEIGHTED",
    "W_WORDS",
    "W_DRAND_UNVERIFIED",
    "W_OPEN",
    "W_STALLED",
    "W_UNWITNESSED",
];
