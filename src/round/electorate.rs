//! Who can win a draw: the pool with the weights that this draw gives to each member.
//!
//! The pool comes from the live side (checked against SQL); everything that shuts members out comes from SQL.

use std::collections::HashSet;

use anyhow::Context;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::convert;
use crate::{
    app::App,
    db::{Tx, placeholders},
    draw::pool::PoolTree,
    error::ApiResult,
    meeting::Meeting,
    pool,
    wire::{Eligible, Exclude},
};

/// What decides on weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'a> {
    /// Departments and groups.
    pub eligible: &'a Eligible,
    /// Earlier winners who are shut out.
    pub exclude: Exclude,
    /// Group of `exclude`.
    pub group: &'a str,
    /// Main draw of a redraw, whose whole family is shut out; else 0.
    pub parent: i64,
}

/// The pool of one draw, and what the host needs to know of it.
#[derive(Debug)]
pub(super) struct Electorate {
    /// Members in index order with this draw's weights.
    pub tree: PoolTree,
    /// Members with tickets.
    pub eligible: i64,
    /// Of them not known to have left the account.
    pub payable: i64,
}

/// Reads the pool and applies the rules.
pub(super) async fn build(
    app: &App,
    tx: &mut Tx,
    meeting: &Meeting,
    rules: Rules<'_>,
) -> ApiResult<Electorate> {
    let pool = pool::snapshot(app, tx, &meeting.id).await?;
    let out = excluded(tx.conn(), &meeting.id, rules).await?;
    let listed = listed(tx.conn(), meeting, rules.eligible).await?;
    let gone = not_following(tx, &meeting.id).await?;
    let tree = match listed {
        // Few are shut out: the others' part of the tree stays as it is.
        None => without(pool, &out)?,
        // Two hashes per member: off the async threads.
        Some(listed) => tokio::task::spawn_blocking(move || only(&pool, &listed, &out))
            .await
            .context("the task that builds the pool's tree")??,
    };
    let eligible = convert::signed(tree.eligible())?;
    let has_tickets = |idx: &&i64| {
        let member = u64::try_from(**idx).ok().and_then(|idx| tree.member(idx));
        member.is_some_and(|(_, weight)| weight > 0)
    };
    let lost = gone.iter().filter(has_tickets).count();
    let payable = eligible - i64::try_from(lost).context("those who left")?;
    Ok(Electorate { tree, eligible, payable })
}

/// How many could win now, from SQL alone: for a screen that announces the round. The commit reads the pool itself.
pub(super) async fn count(conn: &mut AnyConnection, meeting: &Meeting, rules: Rules<'_>) -> ApiResult<i64> {
    let out = excluded(&mut *conn, &meeting.id, rules).await?;
    let listed = listed(&mut *conn, meeting, rules.eligible).await?;
    let rows = sqlx::query("select idx from binding where meeting_id = $1 and weight > 0")
        .bind(&meeting.id)
        .fetch_all(conn)
        .await?;
    let mut count = 0;
    for row in rows {
        let idx: i64 = row.try_get(0)?;
        let may = !out.contains(&idx) && listed.as_ref().is_none_or(|listed| listed.contains(&idx));
        count += i64::from(may);
    }
    Ok(count)
}

fn without(mut pool: PoolTree, out: &HashSet<i64>) -> anyhow::Result<PoolTree> {
    for idx in out {
        pool.set_weight(u64::try_from(*idx)?, 0)?;
    }
    Ok(pool)
}

fn only(pool: &PoolTree, listed: &HashSet<i64>, out: &HashSet<i64>) -> anyhow::Result<PoolTree> {
    let may = |idx: i64| listed.contains(&idx) && !out.contains(&idx);
    let members = (0_i64..).zip(pool.members());
    Ok(PoolTree::from_leaves(members.map(|(idx, (pid, weight))| (pid, if may(idx) { weight } else { 0 })))?)
}

/// Winners of draws that count (draw protocol §9), by person: every place that such a person has had in the pool.
macro_rules! winners {
    ($what:literal, $tail:literal) => {
        concat!(
            "select distinct ",
            $what,
            " from seat s join draw d on d.meeting_id = s.meeting_id and d.n = s.n ",
            "join round r on r.id = d.round_id ",
            "left join draw p on p.meeting_id = d.meeting_id and p.n = d.parent ",
            "left join binding b on b.meeting_id = s.meeting_id and b.person_id = s.person_id ",
            "where s.meeting_id = $1 and d.state = 'revealed' and d.kind <> 'test' ",
            "and (d.parent = 0 or p.state = 'revealed') ",
            $tail
        )
    };
}

async fn excluded(conn: &mut AnyConnection, meeting: &str, rules: Rules<'_>) -> ApiResult<HashSet<i64>> {
    // 0: all winners; 1: those of the group; 2: nobody. The family of a redraw's parent comes on top.
    let reach: i64 = match rules.exclude {
        Exclude::Event => 0,
        Exclude::Group => 1,
        Exclude::None => 2,
    };
    let text = winners!(
        "s.idx as won, b.idx as also",
        "and ($2 = 0 or ($2 = 1 and r.grp = $3) or ($4 > 0 and (d.n = $4 or d.parent = $4)))"
    );
    let rows = sqlx::query(text)
        .bind(meeting)
        .bind(reach)
        .bind(rules.group)
        .bind(rules.parent)
        .fetch_all(conn)
        .await?;
    let mut out = HashSet::new();
    for row in rows {
        out.insert(row.try_get("won")?);
        out.extend(row.try_get::<Option<i64>, _>("also")?);
    }
    Ok(out)
}

/// Indexes of the listed departments and groups, and of those who were seen in the hall where the meeting asks for it;
/// `None` when everybody may win.
///
/// Check-in is a rule for a draw's weights like the others and no part of the pool: whoever was not seen keeps their place
/// with weight 0 in this draw's committed tree. So index and pid stay, proofs and receipts hold, that person's own path shows
/// the 0, and the host may turn the rule on or off at any time without touching a single member.
async fn listed(
    conn: &mut AnyConnection,
    meeting: &Meeting,
    eligible: &Eligible,
) -> ApiResult<Option<HashSet<i64>>> {
    let (departments, groups) = (&eligible.departments, &eligible.groups);
    let checkin = meeting.settings.checkin;
    if departments.is_empty() && groups.is_empty() && !checkin {
        return Ok(None);
    }
    let mut text = String::from(
        "select b.idx from binding b join person p on p.id = b.person_id \
         where b.meeting_id = $1 and b.active = 1 and p.removed = 0",
    );
    if checkin {
        text.push_str(" and b.checked_in_at is not null");
    }
    let mut next = 2;
    for (column, list) in [("p.department", departments), ("p.grp", groups)] {
        if !list.is_empty() {
            text.extend([" and ", column, " in (", &placeholders(next, list.len()), ")"]);
            next += list.len();
        }
    }
    // Only column names and placeholders are put together; the values are bound.
    let mut query = sqlx::query(AssertSqlSafe(text)).bind(&meeting.id);
    for value in departments.iter().chain(groups) {
        query = query.bind(value);
    }
    let rows = query.fetch_all(conn).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<ApiResult<_>>().map(Some)
}

/// Indexes of those who are known to have left the account.
async fn not_following(tx: &mut Tx, meeting: &str) -> ApiResult<HashSet<i64>> {
    let rows = sqlx::query(
        "select b.idx from binding b join follower f on f.openid = b.openid \
         where b.meeting_id = $1 and b.active = 1 and f.subscribed = 0",
    )
    .bind(meeting)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
