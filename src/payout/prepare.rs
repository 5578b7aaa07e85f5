//! T2: everything that must hold before a request leaves — a receiver, a follow, a free slot of the day, and the
//! complete request, stored before it is sent for the first time.

use anyhow::{Context, anyhow};
use futures_util::FutureExt;
use sqlx::Row;

use super::{
    awards::NEVER,
    channel::{Channel, Order},
    day::{self, Slot},
    next::hold_pause,
    single::origin,
    sql::{self, Packet},
};
use crate::{
    app::App,
    clock::Ms,
    db::{Locks, Tx},
    error::ApiResult,
    failpoint,
    keys::Purpose,
    mutant::planted,
    people::follow,
    wire::{AwardOrigin, MeetingSettings, PacketState},
};

const MINUTE: Ms = 60_000;
/// Most bytes of a remark.
const REMARK_BYTES: usize = 255;

/// A request that may leave.
#[derive(Debug)]
pub(super) struct Frozen {
    /// The bytes.
    pub(super) request: String,
    /// What they say, to compare the answer with.
    pub(super) order: Order,
}

/// What preparing came to.
#[derive(Debug)]
pub(super) enum Ready {
    Go(Box<Frozen>),
    /// The packet waits; why and until when stands in its row.
    Wait,
}

/// What of an order a query's answer is compared with.
pub(super) fn bare_order(packet: &Packet) -> Order {
    Order {
        bill: packet.bill.clone(),
        openid: packet.openid.clone(),
        fen: packet.fen,
        send_name: String::new(),
        act_name: String::new(),
        wishing: String::new(),
        remark: String::new(),
    }
}

struct Meeting {
    name: String,
    rehearsal: bool,
    settings: MeetingSettings,
    person: String,
    origin: AwardOrigin,
}

/// Prepares a claimed packet for sending. A packet that was sent before keeps its request, byte for byte.
pub(super) async fn prepare(app: &App, payer: &Channel, packet: &Packet) -> ApiResult<Ready> {
    let meeting = meeting(app, &packet.bill).await?;
    let mut packet = packet.clone();
    if is_first(&packet) {
        let odd = (!payer.amounts().contains(&packet.fen)).then_some(("channel_range", 60 * MINUTE));
        let found = match odd {
            None => obstacle(app, &meeting, &mut packet).await?,
            odd => odd,
        };
        match found {
            None => {}
            Some((reason, pause)) => return wait(app, &packet, reason, pause).await,
        }
    }
    let anew = planted("request_made_anew") || planted("new_number_after_a_timeout");
    let request = if packet.request.is_empty() || anew {
        seal(app, &packet.bill, &payer.freeze(&order(app, &packet, &meeting)))
    } else {
        packet.request.clone()
    };
    let frozen = Frozen { request: open(app, &packet.bill, &request)?, order: bare_order(&packet) };
    let (db, app) = (app.db().clone(), app.clone());
    let may = db
        .together(Locks::Days, move |tx| async move { reserve(&app, tx, &packet, &request).await }.boxed())
        .await?;
    Ok(if may { Ready::Go(Box::new(frozen)) } else { Ready::Wait })
}

fn is_first(packet: &Packet) -> bool {
    matches!(packet.facts.state, PacketState::Queued | PacketState::Held | PacketState::Reserved)
}

/// T2: a slot of the day and the complete request. False: it waits, or is no longer ours.
async fn reserve(app: &App, tx: &mut Tx, packet: &Packet, request: &str) -> ApiResult<bool> {
    let slot = day::take_slot(app, tx, packet).await?;
    let reason = match &slot {
        Slot::Gone => return Ok(false),
        Slot::Had(day) | Slot::Taken(day) => {
            let mut may = true;
            if is_first(packet) {
                may = sql::reserved(tx, packet, request, day).await?;
            } else if matches!(slot, Slot::Taken(_)) {
                day::move_to(tx, &packet.bill, day).await?;
            }
            failpoint::hit("pay.in_reserve");
            return Ok(may);
        }
        Slot::PersonFull => "day_limit",
        Slot::MerchantFull => "merchant_day",
    };
    let at = day::free_again(app.now());
    if is_first(packet) {
        let next_at = hold_pause(waited(app, packet, reason)).map_or(NEVER, |_| at);
        sql::hold(tx, packet, reason, next_at).await?;
    } else {
        sql::put_back(tx, packet, Some(at)).await?;
    }
    Ok(false)
}

/// For how long a packet has waited for this already.
fn waited(app: &App, packet: &Packet, reason: &str) -> Ms {
    let same = packet.facts.state == PacketState::Held && packet.facts.reason == reason;
    if same { app.now() - packet.since } else { 0 }
}

/// Holds it until the next look, at least `least` from now, or gives it to a person.
async fn wait(app: &App, packet: &Packet, reason: &str, least: Ms) -> ApiResult<Ready> {
    let next_at = hold_pause(waited(app, packet, reason)).map_or(NEVER, |pause| app.now() + pause.max(least));
    let mut tx = app.db().begin().await?;
    sql::hold(&mut tx, packet, reason, next_at).await?;
    tx.commit().await?;
    Ok(Ready::Wait)
}

/// Why a packet cannot be paid now, and how soon it makes sense to look again.
async fn obstacle(
    app: &App,
    meeting: &Meeting,
    packet: &mut Packet,
) -> ApiResult<Option<(&'static str, Ms)>> {
    let limits = &app.config().limits;
    if meeting.rehearsal {
        return Ok(Some(("rehearsal", 60 * MINUTE)));
    }
    if !(limits.packet_min..=limits.packet_max).contains(&packet.fen) {
        return Ok(Some(("amount_range", 60 * MINUTE)));
    }
    if packet.openid.is_empty() {
        match bound_openid(app, &meeting.person).await? {
            Some(openid) => packet.openid = openid,
            None => return Ok(Some(("no_openid", MINUTE))),
        }
    }
    if !meeting.settings.require_follow {
        return Ok(None);
    }
    Ok(match follow::check(app, &packet.openid).await {
        Ok(true) => None,
        Ok(false) => Some(("not_following", MINUTE)),
        // Nobody could say: no money goes out on a guess.
        Err(_) => Some(("follow_check", MINUTE / 6)),
    })
}

async fn bound_openid(app: &App, person: &str) -> ApiResult<Option<String>> {
    let row = sqlx::query("select openid from binding where person_id = $1 and active = 1")
        .bind(person)
        .fetch_optional(app.db().read())
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

async fn meeting(app: &App, bill: &str) -> ApiResult<Meeting> {
    let row = sqlx::query(
        "select m.name, m.rehearsal, m.settings, a.person_id, a.reason from packet p join award a on a.id = p.award_id \
         join meeting m on m.id = a.meeting_id where p.bill_no = $1",
    )
    .bind(bill)
    .fetch_one(app.db().read())
    .await?;
    let settings: String = row.try_get(2)?;
    Ok(Meeting {
        name: row.try_get(0)?,
        rehearsal: row.try_get::<i64, _>(1)? != 0,
        settings: serde_json::from_str(&settings).context("a meeting's settings")?,
        person: row.try_get(3)?,
        origin: origin(&row.try_get::<String, _>(4)?),
    })
}

fn order(app: &App, packet: &Packet, meeting: &Meeting) -> Order {
    let settings = &meeting.settings;
    let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
    // A bug on purpose: see `mutant`.
    let again = packet.facts.sends > 0 && planted("new_number_after_a_timeout");
    // Whoever is paid for a sale or for friends has won nothing.
    let (act_name, wishing) = match meeting.origin {
        AwardOrigin::Voucher => ("凭证奖励".to_owned(), "感谢参与！".to_owned()),
        AwardOrigin::Referral => ("推荐奖励".to_owned(), "感谢推荐！".to_owned()),
        AwardOrigin::Draw | AwardOrigin::Trial => {
            (or(&settings.act_name, "抽奖"), or(&settings.wishing, "恭喜中奖"))
        }
    };
    let bill = if again { format!("{}X", packet.bill) } else { packet.bill.clone() };
    Order {
        bill,
        send_name: or(&settings.send_name, &app.config().pay.send_name),
        act_name,
        wishing,
        remark: shortened(&meeting.name, REMARK_BYTES),
        ..bare_order(packet)
    }
}

/// The beginning of a text that fits, whole characters only, without what XML forbids.
fn shortened(text: &str, bytes: usize) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| crate::wechat::xml::is_xml_char(*c)) {
        if out.len() + c.len_utf8() > bytes {
            break;
        }
        out.push(c);
    }
    if out.is_empty() { "-".into() } else { out }
}

fn seal(app: &App, bill: &str, request: &str) -> String {
    hex::encode(app.keys().seal(Purpose::Request, bill, request.as_bytes()))
}

fn open(app: &App, bill: &str, sealed: &str) -> ApiResult<String> {
    let bytes = hex::decode(sealed).context("a stored request")?;
    let plain = app
        .keys()
        .unseal(Purpose::Request, bill, &bytes)
        .ok_or_else(|| anyhow!("a stored request does not open with this key"))?;
    Ok(String::from_utf8(plain.to_vec()).context("a stored request")?)
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn remarks_end_between_characters() {
        assert_eq!(shortened("年会抽奖", 7), "年会");
        assert_eq!(shortened("a\u{1}b", 9), "ab");
        assert_eq!(shortened("", 9), "-");
    }
}
