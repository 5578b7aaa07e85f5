//! What lies on this machine, or belongs to it: configuration, database, store, disk, draw.

use std::time::{Duration, Instant};

use super::Finding;
use crate::{
    app::App,
    budget::ledger,
    db::Dialect,
    draw::{PoolTree, hash::Hex, pick},
    files as kept,
    live::files::sockets,
    wechat::tls,
};

/// Small writes tried; the middle one counts.
const WRITES: usize = 11;
/// A write that takes longer makes an evening slow: a winner's packet needs about five.
const SLOW_WRITE: Duration = Duration::from_millis(40);
/// An evening of 5,000 people leaves far less than this.
const FREE_BYTES: u64 = 2 << 30;
/// A merchant certificate is told of this long before it ends, ms.
const CERTIFICATE_MS: i64 = 60 * 86_400_000;

pub(super) fn configuration(app: &App) -> Finding {
    let faults = app.config().faults();
    if faults.is_empty() {
        return Finding::good("配置完整。");
    }
    let sentences: Vec<_> = faults.iter().map(|fault| fault.chinese).collect();
    Finding::bad(sentences.join("；"), "请修改配置文件（kaijiang check-config 列出同样的内容），然后重启。")
}

pub(super) fn master_key(app: &App) -> Finding {
    let file = app.keys().file();
    let found = format!("主密钥 {}（指纹 {}）。", file.display(), app.keys().fingerprint());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::metadata(file).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
        if open {
            return Finding::bad(found, "别的用户也能读这个文件：请执行 chmod 600。");
        }
    }
    Finding::good(found)
}

/// Answers, and how long a durable write takes.
pub(super) async fn database(app: &App) -> Finding {
    let kind = match app.db().dialect() {
        Dialect::Sqlite => "SQLite",
        Dialect::Postgres => "PostgreSQL",
    };
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let begun = Instant::now();
        if let Err(error) = write_something(app).await {
            tracing::warn!(%error, "the database takes no writes");
            return Finding::bad(
                format!("{kind} 无法写入。"),
                "请检查数据库是否运行、磁盘是否已满、账号是否有写权限。",
            );
        }
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let middle = times[WRITES / 2];
    let says = format!("{kind}，一次落盘写入 {} 毫秒。", middle.as_millis());
    if middle > SLOW_WRITE {
        return Finding::warn(says, "磁盘太慢：请换成本地固态盘，或检查是否有别的程序占用。");
    }
    Finding::good(says)
}

async fn write_something(app: &App) -> Result<(), sqlx::Error> {
    let mut tx = app.db().begin().await?;
    sqlx::query(
        "insert into instance (name, value) values ('doctor', $1) \
         on conflict (name) do update set value = excluded.value",
    )
    .bind(app.now().to_string())
    .execute(tx.conn())
    .await?;
    tx.commit().await
}

pub(super) async fn ledger(app: &App) -> Finding {
    const STOP_PAYING: &str = "请不要付款，保留现场并联系技术人员。";
    match ledger::replay(app.db()).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => return Finding::bad(format!("账本与余额不一致：{fault}"), STOP_PAYING),
        Err(error) => {
            tracing::warn!(%error, "the ledger cannot be read");
            return Finding::bad("账本读不出来。", STOP_PAYING);
        }
    }
    match ledger::behind_mark(app).await {
        // With an old one it stays as it is: it proves what is missing.
        Ok(false) => match ledger::try_mark(app).await {
            Ok(()) => Finding::good("账本完整，与外部标记一致。"),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the ledger's mark cannot be written");
                Finding::bad(
                    format!("账本标记 {} 写不进去。", app.config().ledger.mark_file.display()),
                    "请检查该文件所在的磁盘和权限；由 systemd 启动时，还要在单元里写 ReadWritePaths。",
                )
            }
        },
        Ok(true) => Finding::bad(
            "数据库比外部账本标记旧：这是一份旧备份。",
            "请财务在“资金”页向微信核对所有单号，然后恢复发送。",
        ),
        Err(error) => Finding::bad(format!("账本标记读不出来：{error:#}"), "请检查 ledger.mark_file。"),
    }
}

pub(super) async fn store(app: &App) -> Finding {
    match app.store().facts().await {
        Ok(None) => Finding::off("实时数据在本进程内：只能运行一台服务器。"),
        Err(error) => {
            tracing::warn!(%error, "the store is away");
            Finding::bad("Redis 没有回答。", "请检查 redis.url，以及 Redis 是否运行。")
        }
        Ok(Some(facts)) => {
            let says = format!("Redis {}，一次往返 {} 毫秒。", facts.version, facts.ping.as_millis());
            let major = facts.version.split('.').next().and_then(|text| text.parse::<u32>().ok());
            if major.is_some_and(|major| major < 7) {
                return Finding::bad(says, "请升级到 Redis 7 或更新的版本。");
            }
            if facts.eviction != "noeviction" {
                return Finding::bad(
                    format!("{says}淘汰策略是 {}：内存满时会悄悄丢数据。", facts.eviction),
                    "请设置 maxmemory-policy noeviction。",
                );
            }
            if !facts.persistent {
                return Finding::warn(
                    format!("{says}没有打开持久化。"),
                    "重启后会从数据库重建，短信验证码要重新获取；建议打开 appendonly。",
                );
            }
            Finding::good(says)
        }
    }
}

/// Keeps a file where photos of vouchers go, reads it and removes it.
pub(super) async fn files(app: &App) -> Finding {
    match kept::probe(app).await {
        Ok(()) => Finding::good("上传文件的地方可以写入、读出和删除。"),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "files are not kept");
            Finding::bad(
                "上传的文件存不进去。",
                "请检查 files.url、磁盘和权限；由 systemd 启动时，data.dir 以外的文件夹还要写进单元的 ReadWritePaths。",
            )
        }
    }
}

pub(super) fn disk(app: &App) -> Finding {
    let folder = &app.config().data.dir;
    #[cfg(unix)]
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let says = format!("{} 所在磁盘还有 {} GiB。", folder.display(), free >> 30);
            if free < FREE_BYTES {
                return Finding::bad(says, "请清理磁盘：至少要有 2 GiB。");
            }
            Finding::good(says)
        }
        Err(error) => Finding::warn(format!("看不到磁盘空间：{error}"), "请检查 data.dir。"),
    }
    #[cfg(not(unix))]
    Finding::off("这个系统上看不到磁盘空间。")
}

pub(super) fn open_files(app: &App) -> Finding {
    let wanted = app.config().limits.sockets;
    match sockets(wanted) {
        (_, None) => Finding::good(format!("可以同时打开 {wanted} 个连接。")),
        (fewer, Some(words)) => {
            tracing::warn!("{words}");
            Finding::warn(
                format!("配置要 {wanted} 个连接，系统只允许 {fewer} 个。"),
                "请调高 systemd 的 LimitNOFILE（或 ulimit -Hn），或调低 limits.sockets。",
            )
        }
    }
}

/// A draw of made-up people, twice: same winners, each with a path to the root.
pub(super) fn draw() -> Finding {
    const PEOPLE: u32 = 5_000;
    const WINNERS: u64 = 100;
    let people = (0..PEOPLE).map(|index| {
        let mut pid = [0; 32];
        pid[..4].copy_from_slice(&index.to_be_bytes());
        (Hex(pid), 1)
    });
    let seed = Hex([7; 32]);
    let drawn = PoolTree::from_leaves(people).ok().and_then(|tree| {
        let (once, again) = (pick::winners(&tree, &seed, WINNERS)?, pick::winners(&tree, &seed, WINNERS)?);
        let proved = once.iter().all(|index| tree.path(*index).is_some());
        (once == again && proved).then_some(once.len())
    });
    match drawn {
        Some(count) => Finding::good(format!("试抽：五千人里抽出 {count} 人，重算一致。")),
        None => Finding::bad("试抽失败。", "请重新安装本程序。"),
    }
}

pub(super) fn merchant_certificate(app: &App) -> Finding {
    let file = &app.config().pay.cert_pem;
    if app.config().pay.mch_id.is_empty() || file.as_os_str().is_empty() {
        return Finding::off("没有配置商户证书。");
    }
    let end = std::fs::read(file).ok().and_then(|pem| tls::not_after_ms(&pem).ok());
    let Some(end) = end else {
        return Finding::bad("商户证书读不出来。", "请检查 pay.cert_pem 指向 apiclient_cert.pem。");
    };
    let days = (end - app.now()) / 86_400_000;
    if end < app.now() {
        return Finding::bad("商户证书已经过期。", "请在商户平台更换 API 证书。");
    }
    if end - app.now() < CERTIFICATE_MS {
        return Finding::warn(format!("商户证书还有 {days} 天到期。"), "请在商户平台更换 API 证书。");
    }
    Finding::good(format!("商户证书还有 {days} 天到期。"))
}
