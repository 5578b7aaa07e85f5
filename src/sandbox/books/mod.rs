//! The merchant's packets as the far end keeps them: pure bookkeeping, plus a journal file.
//!
//! A bill number pays at most once, by construction: money moves only in [`Books::pay`], which refuses a packet that
//! has been paid. Time passes when the books are looked at; there are no timers.

mod rows;

use std::collections::{BTreeMap, HashMap};

pub(super) use rows::{Effect, Order, Packet, Refusal, Status, Transfer, refusal};

use super::settings::Settings;
use crate::clock::{DAY, Ms, beijing_day};

/// `gethbinfo` knows a packet this long.
const QUERY_WINDOW: Ms = 30 * DAY;

/// All packets, and the counters of the limits.
#[derive(Debug, Default)]
pub(super) struct Books {
    packets: BTreeMap<String, Packet>,
    /// Bill numbers in the order of their first call.
    order: Vec<String>,
    /// Count and fen by person and Beijing day.
    day: HashMap<(String, String), (u32, i64)>,
    spent_fen: i64,
    /// Packets changed since the journal was last written.
    changed: Vec<Packet>,
}

impl Books {
    /// Takes a packet from the journal; a later line about the same packet replaces the earlier.
    pub(super) fn restore(&mut self, packet: Packet) {
        let before = self.packets.get(&packet.bill_no).and_then(|known| known.paid_ms);
        if before.is_none() && packet.paid_ms.is_some() {
            self.count(&packet);
        }
        if let Some(refunded) = packet.refunded_ms
            && self.packets.get(&packet.bill_no).is_none_or(|known| known.refunded_ms != Some(refunded))
        {
            self.spent_fen -= packet.amount_fen;
        }
        if !self.packets.contains_key(&packet.bill_no) {
            self.order.push(packet.bill_no.clone());
        }
        self.packets.insert(packet.bill_no.clone(), packet);
    }

    /// What the journal has to be told.
    pub(super) fn take_changes(&mut self) -> Vec<Packet> {
        std::mem::take(&mut self.changed)
    }

    /// All packets in the order of their first call, as of `now`.
    pub(super) fn list(&mut self, now: Ms) -> Vec<Packet> {
        let numbers = self.order.clone();
        numbers.iter().filter_map(|number| self.look(number, now)).collect()
    }

    /// A packet as of `now`.
    pub(super) fn look(&mut self, bill_no: &str, now: Ms) -> Option<Packet> {
        let mut packet = self.packets.get(bill_no)?.clone();
        if let Some((at, pays)) = packet.decides
            && at <= now
        {
            packet.decides = None;
            packet.reason.clear();
            match (pays, packet.transfer.is_some()) {
                (true, true) => packet.status = Status::WaitUserConfirm,
                (true, false) => self.settle_paid(&mut packet, at),
                (false, _) => packet.status = Status::Failed,
            }
        }
        if packet.status == Status::WaitUserConfirm
            && let Some(at) = packet.opens_ms.filter(|at| *at <= now && *at < packet.created_ms + DAY)
        {
            self.settle_confirmed(&mut packet, at);
        }
        pass_time(&mut packet, now);
        self.put(packet.clone());
        Some(packet)
    }

    /// A packet for a query: known for 30 days.
    pub(super) fn query(&mut self, bill_no: &str, now: Ms) -> Option<Packet> {
        self.look(bill_no, now).filter(|packet| now - packet.created_ms <= QUERY_WINDOW)
    }

    /// A send call. The answer is the truth; what the wire shows may be something else.
    pub(super) fn send(
        &mut self,
        order: &Order,
        effect: Effect,
        settings: &Settings,
        now: Ms,
    ) -> Result<Packet, Refusal> {
        let mut packet = match self.look(&order.bill_no, now) {
            Some(packet) => known(packet, order)?,
            None if effect == Effect::Nothing => return Err(refusal("SYSTEMERROR", "系统繁忙，请稍后再试")),
            None => fresh(order, self.order.len(), now),
        };
        packet.sends += 1;
        // A transfer that is known only says where it stands.
        let stands =
            packet.transfer.is_some() && (packet.status != Status::Sending || packet.decides.is_some());
        if packet.paid_ms.is_some() || stands {
            self.put(packet.clone());
            return Ok(packet);
        }
        let answer = match effect {
            Effect::Nothing => Err(refusal("SYSTEMERROR", "系统繁忙，请稍后再试")),
            Effect::Keep(why) => Err(why),
            Effect::Kill => {
                packet.status = Status::Failed;
                "发放失败".clone_into(&mut packet.reason);
                Err(refusal("SEND_FAILED", "红包发放失败,请更换单号再重试"))
            }
            Effect::Process { paid } => {
                let decided = now + settings.processing_ms;
                packet.decides = Some((decided, paid));
                let opens =
                    if packet.transfer.is_some() { settings.auto_confirm_ms } else { settings.auto_open_ms };
                packet.opens_ms = opens.map(|after| decided + after);
                Err(refusal("PROCESSING", "请求已受理，请稍后使用原单号查询发放结果"))
            }
            Effect::Pay => self.pay(&mut packet, settings, now),
            Effect::PayUnopened => {
                let paid = self.pay(&mut packet, settings, now);
                packet.opens_ms = None;
                paid
            }
        };
        if let Err(why) = &answer
            && packet.status == Status::Sending
            && packet.decides.is_none()
        {
            packet.reason.clone_from(&why.text);
        }
        self.put(packet.clone());
        answer.map(|()| packet)
    }

    fn pay(&mut self, packet: &mut Packet, settings: &Settings, now: Ms) -> Result<(), Refusal> {
        let (count, fen) =
            self.day.get(&(packet.openid.clone(), beijing_day(now))).copied().unwrap_or_default();
        if count >= settings.person_day_count {
            return Err(refusal("SENDNUM_LIMIT", "该用户今日领取红包个数超过限制"));
        }
        if fen + packet.amount_fen > settings.person_day_fen {
            return Err(refusal("RCVDAMOUNT_LIMIT", "该用户今日领取金额超过限制"));
        }
        if settings.balance_fen.is_some_and(|balance| self.spent_fen + packet.amount_fen > balance) {
            return Err(refusal("NOTENOUGH", "帐号余额不足，请到商户平台充值后再重试"));
        }
        if packet.transfer.is_some() {
            packet.status = Status::WaitUserConfirm;
            packet.reason.clear();
            packet.opens_ms = settings.auto_confirm_ms.map(|after| now + after);
            return Ok(());
        }
        self.settle_paid(packet, now);
        packet.opens_ms = settings.auto_open_ms.map(|after| now + after);
        Ok(())
    }

    fn settle_paid(&mut self, packet: &mut Packet, at: Ms) {
        packet.status = Status::Sent;
        packet.reason.clear();
        packet.paid_ms = Some(at);
        self.count(packet);
    }

    fn settle_confirmed(&mut self, packet: &mut Packet, at: Ms) {
        self.settle_paid(packet, at);
        packet.status = Status::Received;
        packet.received_ms = Some(at);
    }

    /// The number of the transfer that is confirmed with this.
    pub(super) fn by_package(&self, package: &str) -> Option<String> {
        let has = |packet: &&Packet| packet.transfer.as_ref().is_some_and(|ours| ours.package == package);
        self.packets.values().find(has).map(|packet| packet.bill_no.clone())
    }

    /// The number of a transfer by the payer's own.
    pub(super) fn by_list_id(&self, list_id: &str) -> Option<String> {
        self.packets.values().find(|packet| packet.list_id == list_id).map(|packet| packet.bill_no.clone())
    }

    fn count(&mut self, packet: &Packet) {
        let day = beijing_day(packet.paid_ms.unwrap_or(packet.created_ms));
        let entry = self.day.entry((packet.openid.clone(), day)).or_default();
        entry.0 += 1;
        entry.1 += packet.amount_fen;
        self.spent_fen += packet.amount_fen;
    }

    /// The receiver opens a packet or confirms a transfer; only one that waits can be.
    pub(super) fn open(&mut self, bill_no: &str, now: Ms) -> Option<Packet> {
        let mut packet = self.look(bill_no, now)?;
        match packet.status {
            Status::WaitUserConfirm => self.settle_confirmed(&mut packet, now),
            Status::Sent => {
                packet.status = Status::Received;
                packet.received_ms = Some(now);
            }
            _ => return None,
        }
        self.put(packet.clone());
        Some(packet)
    }

    /// An operator at the far end decides: a waiting packet goes back, an undecided order fails.
    pub(super) fn decide(&mut self, bill_no: &str, status: Status, now: Ms) -> Option<Packet> {
        let mut packet = self.look(bill_no, now)?;
        match (packet.status, status) {
            (Status::Sent, Status::RfundIng) => packet.status = status,
            (Status::Sent | Status::RfundIng, Status::Refund) => refund(&mut packet, now),
            (Status::Sending, Status::Failed) => {
                packet.decides = None;
                packet.status = status;
            }
            (Status::WaitUserConfirm, Status::Failed | Status::Cancelled) => {
                packet.status = status;
                if status == Status::Failed {
                    "MCH_CANCEL".clone_into(&mut packet.reason);
                }
            }
            // From FAILED, too: a payer that takes back what it has said.
            (Status::Sending | Status::Failed, Status::Sent) if packet.transfer.is_none() => {
                packet.decides = None;
                self.settle_paid(&mut packet, now);
            }
            _ => return None,
        }
        self.put(packet.clone());
        Some(packet)
    }

    fn put(&mut self, packet: Packet) {
        let known = self.packets.get(&packet.bill_no);
        if known == Some(&packet) {
            return;
        }
        if packet.refunded_ms.is_some() && known.is_some_and(|known| known.refunded_ms.is_none()) {
            self.spent_fen -= packet.amount_fen;
        }
        if known.is_none() {
            self.order.push(packet.bill_no.clone());
        }
        self.changed.push(packet.clone());
        self.packets.insert(packet.bill_no.clone(), packet);
    }
}

/// A repeat of a known number: the person and the amount must be the same, and the number alive.
fn known(packet: Packet, order: &Order) -> Result<Packet, Refusal> {
    if packet.openid != order.openid || packet.amount_fen != order.amount_fen {
        return Err(refusal("FATAL_ERROR", "openid/金额和原始单参数不一致"));
    }
    if packet.transfer.is_some() {
        return Ok(packet);
    }
    if packet.status == Status::Failed {
        return Err(refusal("SEND_FAILED", "红包发放失败,请更换单号再重试"));
    }
    if packet.decides.is_some() {
        return Err(refusal("PROCESSING", "请求已受理，请稍后使用原单号查询发放结果"));
    }
    Ok(packet)
}

fn fresh(order: &Order, place: usize, now: Ms) -> Packet {
    Packet {
        bill_no: order.bill_no.clone(),
        openid: order.openid.clone(),
        amount_fen: order.amount_fen,
        list_id: format!("1000041701{}3{place:09}", beijing_day(now)),
        status: Status::Sending,
        reason: String::new(),
        send_name: order.send_name.clone(),
        act_name: order.act_name.clone(),
        wishing: order.wishing.clone(),
        remark: order.remark.clone(),
        created_ms: now,
        paid_ms: None,
        received_ms: None,
        refunded_ms: None,
        decides: None,
        opens_ms: None,
        sends: 0,
        transfer: order.transfer.clone(),
    }
}

/// What a day does to a packet: opened by itself, sent back unclaimed, or dead because it was never paid.
fn pass_time(packet: &mut Packet, now: Ms) {
    match (packet.status, packet.paid_ms) {
        (Status::Sent, Some(paid)) => {
            if let Some(at) = packet.opens_ms.filter(|at| *at <= now && *at < paid + DAY) {
                packet.status = Status::Received;
                packet.received_ms = Some(at);
            } else if paid + DAY <= now {
                refund(packet, paid + DAY);
            }
        }
        (Status::WaitUserConfirm, _) if packet.created_ms + DAY <= now => {
            packet.status = Status::Failed;
            "OVERDUE_CLOSE".clone_into(&mut packet.reason);
        }
        (Status::Sending, None) if packet.decides.is_none() && packet.created_ms + DAY <= now => {
            packet.status = Status::Failed;
        }
        _ => {}
    }
}

fn refund(packet: &mut Packet, at: Ms) {
    packet.status = Status::Refund;
    packet.refunded_ms = Some(at);
}

#[cfg(test)]
mod tests;
