//! Pools and draws in memory.

use std::{collections::BTreeMap, hint::black_box, path::Path};

use anyhow::Context;
use serde_json::Value;

use super::{DrawArgs, evening::Evening, median, ms, once, row, us};
use crate::draw::{
    Pid, PoolTree,
    hash::sha256,
    pick,
    seed::{Keystream, WINNERS},
    verify::{Report, verify},
};

/// Winners of one draw.
const K: u64 = 100;
/// The smaller pool for the question whether a draw grows with it.
const SMALL: u32 = 10_000;
/// Runs of which the median counts.
const RUNS: u32 = 101;
/// Changes that are timed together.
const CHANGES: u32 = 20_000;

/// The pid of a made-up member.
pub(super) fn pid(index: u32) -> Pid {
    sha256(&index.to_be_bytes())
}

fn pool(people: u32) -> anyhow::Result<PoolTree> {
    Ok(PoolTree::from_leaves((0..people).map(|index| (pid(index), 1)))?)
}

/// All rows that need no database.
pub(super) fn rows(args: &DrawArgs) -> anyhow::Result<Vec<Value>> {
    let people = args.people;
    let pids: Vec<Pid> = (0..people).map(pid).collect();
    let (tree, scratch) = once(|| PoolTree::from_leaves(pids.iter().map(|pid| (*pid, 1))));
    let tree = tree?;
    let mut rows = vec![row("tree from scratch", ms(scratch), "ms", "")];
    let drawn = median(RUNS, |run| drop(black_box(pick::winners(&tree, &sha256(&run.to_be_bytes()), K))));
    let small = pool(SMALL)?;
    let drawn_small =
        median(RUNS, |run| drop(black_box(pick::winners(&small, &sha256(&run.to_be_bytes()), K))));
    let growth = us(drawn) / us(drawn_small);
    rows.push(row("draw of 100 winners", us(drawn), "us", "<= 1000"));
    rows.push(row("the same, in relation to a pool of 10,000", growth, "times", "<= 3"));
    let (_, plain) = once(|| black_box(plain(people)));
    rows.push(row("the plain way: collect, shuffle all, take 100", us(plain), "us", ""));
    rows.push(row("the plain way, in relation to ours", us(plain) / us(drawn), "times", ""));
    rows.extend(proved(&tree, args.save.as_deref())?);
    rows.extend(changed(tree, people)?);
    Ok(rows)
}

/// What hosts' scripts do.
fn plain(people: u32) -> Vec<u32> {
    let mut all: Vec<u32> = (0..people).collect();
    let mut stream = Keystream::new(&sha256(b"plain"), WINNERS);
    for place in (1..all.len()).rev() {
        let bound = u64::try_from(place).unwrap_or(u64::MAX) + 1;
        all.swap(place, usize::try_from(stream.uniform(bound)).unwrap_or(0));
    }
    all.truncate(usize::try_from(K).unwrap_or(0));
    all
}

fn proved(tree: &PoolTree, save: Option<&Path>) -> anyhow::Result<Vec<Value>> {
    let mut times = Vec::new();
    let mut bundle = None;
    for _ in 0..9 {
        let evening = Evening::closed(tree, K)?;
        let (made, time) = once(|| evening.reveal(tree));
        bundle = Some(made?);
        times.push(time);
    }
    times.sort_unstable();
    let revealed = times.get(times.len() / 2).copied().unwrap_or_default();
    let text = serde_json::to_vec(&bundle)?;
    let pools = BTreeMap::from([(1, tree.to_bytes())]);
    let (report, full) = once(|| verify(&text, None, &pools));
    anyhow::ensure!(matches!(report, Report::Proved(_)), "the benchmark's own draw is not proved");
    let (_, light) = once(|| verify(&text, None, &BTreeMap::new()));
    if let (Some(file), Some(mut bundle)) = (save, bundle) {
        for draw in &mut bundle.draws {
            draw.pool = Some(tree.members().collect());
        }
        std::fs::write(file, serde_json::to_vec(&bundle)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(vec![
        row("result line and 100 paths", ms(revealed), "ms", "<= 5"),
        row("light verification of that draw", ms(light), "ms", ""),
        row("full verification", ms(full), "ms", "<= 1000 for a million"),
    ])
}

fn changed(mut tree: PoolTree, people: u32) -> anyhow::Result<Vec<Value>> {
    let mut stream = Keystream::new(&sha256(b"changes"), WINNERS);
    let (done, entered) = once(|| -> anyhow::Result<()> {
        for index in 0..CHANGES {
            tree.append(pid(people + index), 1)?;
        }
        Ok(())
    });
    done?;
    let mut weighed = |weight: u64| {
        let (done, time) = once(|| -> anyhow::Result<()> {
            for _ in 0..CHANGES {
                tree.set_weight(stream.uniform(u64::from(people)), weight)?;
            }
            Ok(())
        });
        done.map(|()| us(time) / f64::from(CHANGES))
    };
    let (heavier, unbound) = (weighed(2)?, weighed(0)?);
    Ok(vec![
        row("bind", us(entered) / f64::from(CHANGES), "us", "<= 20"),
        row("unbind", unbound, "us", "<= 20"),
        row("weight change", heavier, "us", "<= 20"),
    ])
}
