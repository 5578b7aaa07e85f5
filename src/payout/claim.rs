//! Claiming: a packet is worked on by one worker at a time, and one call runs for one person.

use anyhow::Context;

use super::sql::{COLUMNS, LEASE, Packet};
use crate::{app::App, db::Dialect, error::ApiResult, mutant::planted, wire::PayChannel};

/// The channels that work, and those of them whose far end is known, so that first calls may leave.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    pub(super) asks: Vec<PayChannel>,
    pub(super) sends: Vec<PayChannel>,
    /// Nothing leaves, not even again.
    pub(super) paused: bool,
}

impl Open {
    /// What claiming needs to know, as a condition.
    fn condition(&self) -> String {
        let among = |channels: &[PayChannel]| {
            let words: Vec<String> = channels.iter().map(|channel| format!("'{}'", channel.word())).collect();
            if words.is_empty() { "0 = 1".into() } else { format!("p.channel in ({})", words.join(", ")) }
        };
        format!(
            "(({} and p.state in ('sending', 'unknown', 'blocked', 'confirming', 'sent', 'needs_human')) \
             or ({} and p.state in ('queued', 'held', 'reserved')))",
            among(&self.asks),
            among(&self.sends)
        )
    }
}

/// Claims packets whose moment has come, at most `limit`, one per person. While sends are off only those are taken
/// that are asked for.
pub(super) async fn claim_due(app: &App, limit: i64, open: &Open) -> ApiResult<Vec<Packet>> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    // Claimers take turns: two servers must not claim two packets of one person at the same time.
    sqlx::query(
        "insert into instance (name, value) values ('claim', '') on conflict (name) do update set value = ''",
    )
    .execute(tx.conn())
    .await?;
    let alone = if planted("two_calls_for_one_person") { " and 0 = 1" } else { "" };
    let text = format!(
        "select {COLUMNS} from packet p where p.next_at <= $1 and p.lease_until <= $1 \
         and {} \
         and not exists (select 1 from packet q where q.openid = p.openid and q.bill_no <> p.bill_no \
         and q.lease_until > $1{alone}) order by p.next_at, p.created_at, p.bill_no limit $2{}",
        open.condition(),
        tx.skip_locked()
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text)).bind(now).bind(limit).fetch_all(tx.conn()).await?;
    let mut claimed: Vec<Packet> = Vec::new();
    for row in &rows {
        let packet = Packet { paused: open.paused, ..Packet::read(row, now)? };
        if claimed.iter().all(|other| other.openid != packet.openid) {
            claimed.push(Packet { epoch: packet.epoch + 1, ..packet });
        }
    }
    if claimed.is_empty() {
        return Ok(claimed);
    }
    let bills: Vec<&str> = claimed.iter().map(|packet| packet.bill.as_str()).collect();
    let text = format!(
        "update packet set epoch = epoch + 1, lease_until = $1 where bill_no in {} and lease_until <= $2",
        tx.among(3)
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(now + LEASE)
        .bind(now)
        .bind(serde_json::to_string(&bills).context("numbers of packets")?)
        .execute(tx.conn())
        .await?;
    // Their rows are locked since they were read, so nobody can have come between.
    if usize::try_from(done.rows_affected()).ok() != Some(bills.len()) {
        return Err(anyhow::anyhow!("packets were claimed that are not free").into());
    }
    tx.commit().await?;
    Ok(claimed)
}

/// A server that starts anew on SQLite takes over what the one before it held when it died, instead of waiting for the
/// leases: the laptop that came back after a power cut goes on at once.
///
/// Sound because SQLite is the set-up with one server, which is only just starting: nobody works on these claims any
/// more. Nothing hangs on that, though. The claim that follows raises the epoch, so that a late worker would find the
/// packet not its own; what was `sending` is still `sending` and becomes `unknown` (never `queued`), is asked for, and
/// is only ever sent with the same number and bytes. On PostgreSQL other servers may hold claims: there the lease runs.
pub(super) async fn forget_claims(app: &App) -> Result<(), sqlx::Error> {
    if app.db().dialect() != Dialect::Sqlite {
        return Ok(());
    }
    let mut tx = app.db().begin().await?;
    sqlx::query(
        "update packet set lease_until = 0, next_at = case when state = 'sending' then $1 else next_at end \
         where lease_until > 0",
    )
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    tx.commit().await
}
