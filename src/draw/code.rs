//! The error codes of the verifier (§10), each with a sentence for people.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident $code:literal $zh:literal;)*) => {
        /// Why a log, a bundle or a local check fails.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        impl Code {
            /// The stable code, for example `E_CHAIN`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What failed, as a Chinese sentence.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $zh,)* }
            }

            /// What failed, as an English clause.
            pub const fn english(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc,)*).trim_ascii(),)* }
            }
        }
    };
}

codes! {
    /// the file is not a bundle of this protocol
    Schema "E_SCHEMA" "文件无法读取:不是 mlot1 凭据包";
    /// the line is not canonical JSON
    Canon "E_CANON" "日志行不是规范 JSON";
    /// the line does not have exactly the fields of its type
    Entry "E_ENTRY" "日志行的字段与其类型不符";
    /// the line number is wrong, or event.open is not exactly line 0
    Seq "E_SEQ" "日志行号不连续,或 event.open 不在第 0 行";
    /// checkpoint, log and pin belong to different events
    Event "E_EVENT" "检查点、日志与本机保存的活动编号不一致";
    /// the log's key is not the pinned key
    Key "E_KEY" "日志的公钥不是入场时保存的公钥";
    /// the checkpoint does not fit the lines
    Head "E_HEAD" "检查点的行数或哈希与日志内容不符";
    /// the signature is not valid
    Sig "E_SIG" "检查点的签名无效";
    /// the log is shorter than one this device has seen
    Short "E_SHORT" "日志比本机见过的更短,有内容被删去";
    /// the log differs from one this device has seen
    Fork "E_FORK" "日志与本机见过的不同,历史被改写";
    /// the line must not stand here
    Order "E_ORDER" "此时不允许出现这一行";
    /// the draw's number is not the next one
    DrawNo "E_DRAWNO" "抽奖序号不是下一个,或超出秘密链长度";
    /// a number or a rule is out of its range
    Param "E_PARAM" "抽奖参数或规则超出允许范围";
    /// the redraw does not fit its parent draw
    Redraw "E_REDRAW" "补抽与原抽奖不符";
    /// the public randomness does not fit its source
    Entropy "E_ENTROPY" "公开随机数与承诺的来源不符";
    /// the drand signature is not valid
    Drand "E_DRAND" "drand 签名无效";
    /// the secret does not open the chain fixed at the start
    Chain "E_CHAIN" "公布的秘密与开场固定的秘密链不符";
    /// the seed does not follow from log head, secret and public randomness
    Seed "E_SEED" "种子与日志、秘密和公开随机数计算的结果不符";
    /// the number of winners is not the committed one
    Count "E_COUNT" "中奖人数与承诺的不符";
    /// the list of winners is malformed
    WinnerList "E_WINNERLIST" "中奖名单的名次、编号或票数有误";
    /// a winner's pid and index disagree with an earlier result
    Ident "E_IDENT" "中奖者的编号与此前的结果不一致";
    /// an excluded person won
    Excluded "E_EXCLUDED" "已被排除的人中了奖";
    /// an amount does not follow from the committed award
    Award "E_AWARD" "中奖金额与承诺的规则不符";
    /// all randomness was closed, so the result must be logged before the draw is voided
    Void "E_VOID" "随机数已全部公布,必须先公布结果才能作废";
    /// the seat cannot get this status now
    Status "E_STATUS" "此时不能这样标记该中奖席位";
    /// the payment does not fit the seat, its amount or its earlier attempts
    Pay "E_PAY" "付款与中奖席位、金额或此前的付款记录不符";
    /// the seat was already paid
    PayDup "E_PAY_DUP" "该席位已付款,重复付款";
    /// the seat's holder was set aside
    PayState "E_PAY_STATE" "该席位的中奖者已被取消资格,不能付款";
    /// a winner's path does not lead to the committed pool
    Proof "E_PROOF" "中奖者的证明路径与承诺的名单不符";
    /// the seed gives other winners
    Winner "E_WINNER" "按种子重新计算,中奖者不同";
    /// the pool's members, tickets or largest weight are not the committed ones
    PoolSum "E_POOL_SUM" "名单的人数、总票数或最大票数与承诺的不符";
    /// the pool does not give the committed root
    PoolRoot "E_POOL_ROOT" "名单的默克尔根与承诺的不符";
    /// a pid is in the pool twice
    PoolDup "E_POOL_DUP" "名单中有重复的人";
    /// an excluded person has tickets
    PoolExcl "E_POOL_EXCL" "应排除的人在名单中仍有票";
    /// the taps do not give what was logged
    Taps "E_TAPS" "手机摇动记录与日志不符";
    /// members of an earlier pool moved or changed
    PoolMoved "E_POOL_MOVED" "此前名单中的人在后来的名单中被换位或替换";
    /// my pid does not follow from my salt and identity
    MePid "E_ME_PID" "本人的编号与本机的盐和身份不符";
    /// my receipt is not validly signed
    Receipt "E_RECEIPT" "本人的入场回执签名无效";
    /// I hold a receipt but am not in a later pool
    Dropped "E_DROPPED" "本人持有回执,却被从后来的名单中删去";
    /// my own path does not lead to the committed pool
    MeProof "E_ME_PROOF" "本人的证明路径与承诺的名单不符";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Code {}
