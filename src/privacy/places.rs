//! Where personal data lies: one list, from which one person's data is given out and removed. A table that nobody has
//! sorted into it fails a test.

use super::Tx;

/// Rows of one table that are about the person `$1`, and what becomes of them.
#[derive(Debug)]
pub(super) struct Place {
    /// Table.
    pub(super) table: &'static str,
    /// What people call it.
    pub(super) title: &'static str,
    /// Which rows.
    pub(super) of: &'static str,
    then: Then,
}

/// What becomes of a person's rows.
#[derive(Debug)]
enum Then {
    /// They name nobody once the person's own row does not, or are cleaned of texts (`texts`).
    Stay,
    /// They go, where this holds too.
    Go(&'static str),
    /// They stay, with these columns emptied.
    Empty(&'static str),
}

/// The person's accounts at WeChat, under our service account.
macro_rules! openids {
    () => {
        "openid <> '' and openid in (select openid from binding where person_id = $1 \
         union select openid from award where person_id = $1 union select openid from voucher where person_id = $1)"
    };
}

/// Nobody else, of another meeting perhaps, has that account.
macro_rules! nobody_else {
    ($table:literal) => {
        concat!(
            "not exists (select 1 from binding b where b.person_id <> $1 and b.openid = ",
            $table,
            ".openid)"
        )
    };
}

macro_rules! here {
    () => {
        "meeting_id = (select meeting_id from person where id = $1)"
    };
}

macro_rules! bills {
    () => {
        "bill_no in (select k.bill_no from packet k join award a on a.id = k.award_id where a.person_id = $1)"
    };
}

macro_rules! vouchers {
    () => {
        "voucher_id in (select id from voucher where person_id = $1)"
    };
}

const fn place(table: &'static str, title: &'static str, of: &'static str, then: Then) -> Place {
    Place { table, title, of, then }
}

/// In the order of removal: what is found through other rows comes before those.
pub(super) const PLACES: &[Place] = &[
    place("follower", "关注", openids!(), Then::Go(nobody_else!("follower"))),
    place("person_day", "每日限额", openids!(), Then::Go(nobody_else!("person_day"))),
    place("referral_scan", "扫过的推荐码", concat!(here!(), " and ", openids!()), Then::Go("1 = 1")),
    place(
        "sms_send",
        "验证码短信",
        concat!(here!(), " and phone_index = (select phone_index from person where id = $1)"),
        Then::Empty("phone_index = '', openid_index = ''"),
    ),
    place(
        "notice",
        "中奖通知",
        "exists (select 1 from seat s where s.meeting_id = notice.meeting_id and s.n = notice.n \
         and s.rank = notice.rank and s.person_id = $1)",
        Then::Empty("openid = '', state = case when state = 'due' then 'failed' else state end"),
    ),
    place("call", "付款接口应答", bills!(), Then::Stay),
    place("packet_act", "红包人工操作", bills!(), Then::Stay),
    place(
        "money_request",
        "复核申请",
        concat!("target = $1 or target in (select bill_no from packet where ", bills!(), ")"),
        Then::Stay,
    ),
    place(
        "goods_handover",
        "实物领取",
        "award_id in (select id from award where person_id = $1)",
        Then::Stay,
    ),
    place("packet", "红包", bills!(), Then::Empty("openid = '', request = '', ticket = ''")),
    place("award", "奖励", "person_id = $1", Then::Empty("openid = ''")),
    place("seat", "中奖", "person_id = $1", Then::Stay),
    place("voucher_step", "凭证审核经过", vouchers!(), Then::Empty("note = ''")),
    place("voucher_file", "凭证照片指纹", vouchers!(), Then::Stay),
    place("voucher_photo", "凭证照片", vouchers!(), Then::Go("1 = 1")),
    place(
        "voucher",
        "凭证",
        "person_id = $1",
        Then::Empty(
            "openid = '', fields = '{\"order_no\":\"\",\"shop\":\"\",\"product\":\"\",\"note\":\"\"}', flags = '[]', \
             reason = '', order_key = case when order_key = '' then '' else 'erased:' || id end, \
             state = case when state = 'accepted' then state else 'rejected' end",
        ),
    ),
    place(
        "referral",
        "被推荐",
        "person_id = $1",
        Then::Empty("openid = 'erased:' || person_id, segment = '', signals = '', reason = ''"),
    ),
    place("person_photo", "照片", "person_id = $1", Then::Go("1 = 1")),
    place("referrer", "推荐码", "person_id = $1", Then::Empty("openid = ''")),
    place(
        "draw_tap",
        "互动随机数",
        "exists (select 1 from binding b where b.meeting_id = draw_tap.meeting_id and b.idx = draw_tap.idx \
         and b.person_id = $1)",
        Then::Stay,
    ),
    place(
        "binding",
        "绑定与同意记录",
        "person_id = $1",
        Then::Empty("openid = 'erased:' || id, identity = '', salt = '', device = ''"),
    ),
    place(
        "person",
        "名单",
        "id = $1",
        Then::Empty(
            "name = '已删除', phone_index = 'erased:' || id, phone_mask = '', department = '', staff_no = '', \
            former_names = '', former_masks = '', badge_index = null, grp = '', weight = 0, removed = 1, waiting = 0, \
            refused = '', version = version + 1",
        ),
    ),
];

/// Tables whose texts may name somebody; `texts` looks through them.
#[cfg(test)]
const TEXTS: &[&str] = &["idempotency", "event", "roster_import", "meeting"];

/// Tables without personal data of people on a roster: keys, money as such, settings, the draw log (pids only), hashes,
/// and staff, who are not on one. `chain_row` names ids and staff; what staff wrote as a reason stands there for ever.
/// `follower_before` is made by a removal and outlives it: an account's keyed hash, by which whoever has the account and the
/// master key can tell that it followed once, and nothing else.
#[cfg(test)]
const NOBODY: &[&str] = &[
    "instance",
    "chain_head",
    "chain_row",
    "staff",
    "staff_session",
    "login_failure",
    "log_line",
    "callback_seen",
    "oauth_code",
    "prize",
    "round",
    "draw",
    "draw_pool",
    "budget",
    "screen_pairing",
    "screen_ticket",
    "alarm",
    "budget_approval",
    "account",
    "merchant_day",
    "sms_spend",
    "transfer_callback",
    "voucher_campaign",
    "referral_rules",
    "staff_link",
    "staff_grant",
    "staff_token",
    "erased_file",
    "picture",
    "track",
    "desk_presence",
    "follower_before",
];

impl Place {
    /// Removes what it holds about the person.
    pub(super) async fn clear(&self, tx: &mut Tx, person: &str) -> Result<(), sqlx::Error> {
        let Self { table, of, .. } = self;
        let text = match self.then {
            Then::Stay => return Ok(()),
            Then::Go(also) => format!("delete from {table} where ({of}) and {also}"),
            Then::Empty(columns) => format!("update {table} set {columns} where {of}"),
        };
        // Every part of it stands in this file.
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(person).execute(tx.conn()).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::{NOBODY, PLACES, TEXTS};
    use crate::db::MIGRATIONS;

    #[test]
    fn every_table_is_known_to_name_people_or_not_to() {
        let mut unsorted = Vec::new();
        for migration in MIGRATIONS.iter() {
            for line in migration.sql.as_str().lines() {
                let Some(rest) = line.trim_start().strip_prefix("create table ") else { continue };
                let table = rest.split([' ', '(']).next().unwrap();
                let places = PLACES.iter().filter(|place| place.table == table).count();
                let others = [TEXTS, NOBODY].concat().iter().filter(|name| **name == table).count();
                if places + others != 1 {
                    unsorted.push(table.to_owned());
                }
            }
        }
        assert!(unsorted.is_empty(), "sort these into PLACES, TEXTS or NOBODY: {unsorted:?}");
    }
}
