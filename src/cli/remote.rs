//! Commands that go through the running server's API.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

/// Where the server is and who asks.
#[derive(Debug, Args)]
struct Remote {
    /// Address of the running server; that of demo.json under the data folder when absent
    #[arg(long, env = "KAIJIANG_BASE")]
    base: Option<String>,
    /// API token; the host's of demo.json when absent
    #[arg(long, env = "KAIJIANG_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Configuration file, to find the data folder
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Meeting
    meeting: String,
    /// Roster (.xlsx or .csv)
    file: PathBuf,
    /// Store it, when no row is wrong
    #[arg(long)]
    accept: bool,
    /// With --accept: leave wrong rows out
    #[arg(long, requires = "accept")]
    skip_errors: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Meeting
    meeting: String,
    /// Folder to write to, or an archive to make when it ends in .zip
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    remote: Remote,
}

struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    fn new(remote: &Remote) -> anyhow::Result<Self> {
        let demo = || -> anyhow::Result<Value> {
            let file = crate::config::Config::load(remote.config.as_deref())?.data.dir.join("demo.json");
            let text = std::fs::read_to_string(&file).with_context(|| {
                format!("no --base and --token given, and no demo runs here ({})", file.display())
            })?;
            Ok(serde_json::from_str(&text)?)
        };
        let base = match &remote.base {
            Some(base) => base.trim_end_matches('/').to_owned(),
            None => demo()?["base"].as_str().unwrap_or_default().to_owned(),
        };
        let token = match &remote.token {
            Some(token) => token.clone(),
            None => owner_token(&demo()?),
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().build().context("cannot make an HTTP client")?;
        Ok(Self { http, base, token })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let response = request.bearer_auth(&self.token).send().await.context("the server does not answer")?;
        if response.status().is_success() {
            return Ok(response);
        }
        let problem: Value = response.json().await.unwrap_or_default();
        bail!(
            "{} ({})",
            problem["detail"].as_str().unwrap_or("the server refused"),
            problem["code"].as_str().unwrap_or("-")
        )
    }
}

fn owner_token(demo: &Value) -> String {
    let staff = demo["staff"].as_array().and_then(|all| all.iter().find(|one| one["role"] == "owner"));
    staff.and_then(|one| one["token"].as_str()).unwrap_or_default().to_owned()
}

pub(super) async fn import(args: ImportArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.remote)?;
    let bytes = std::fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let form =
        reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(bytes).file_name(name));
    let imports = format!("{}/api/meetings/{}/imports", client.base, args.meeting);
    let mut report: Value = client.send(client.http.post(&imports).multipart(form)).await?.json().await?;
    if args.accept {
        // The report first: when accepting is refused, it says why row by row.
        print_report(&report);
        let address = format!("{imports}/{}/accept", report["id"].as_str().unwrap_or_default());
        let body = serde_json::json!({ "skip_errors": args.skip_errors });
        report = client.send(client.http.post(address).json(&body)).await?.json().await?;
    }
    print_report(&report);
    Ok(())
}

fn print_report(report: &Value) {
    for row in report["rows"].as_array().into_iter().flatten() {
        if row["code"].as_str().is_some_and(|code| !code.is_empty()) {
            println!(
                "第 {} 行 {} {}",
                row["row"],
                row["name"].as_str().unwrap_or(""),
                row["message"].as_str().unwrap_or("")
            );
        }
    }
    println!(
        "{}：共 {} 人，新增 {}，更新 {}，不变 {}，有误 {}",
        if report["status"] == "accepted" { "已导入" } else { "预检（未导入）" },
        report["total"],
        report["new"],
        report["update"],
        report["same"],
        report["errors"]
    );
}

pub(super) async fn export(args: ExportArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.remote)?;
    let mut out = Out::open(&args.out)?;
    let meeting = format!("{}/api/meetings/{}", client.base, args.meeting);
    let parts = [
        ("proof.json", format!("{meeting}/proof")),
        ("winners.xlsx", format!("{meeting}/export?kind=winners")),
        ("payments.xlsx", format!("{meeting}/export?kind=payments")),
    ];
    for (name, address) in parts {
        out.put(name, &client.send(client.http.get(address)).await?.bytes().await?)?;
    }
    out.put("README.txt", HOW_TO_CHECK.as_bytes())?;
    out.close()
}

/// Goes along with every export: whoever finds it in ten years needs no word of ours.
const HOW_TO_CHECK: &str = "\
proof.json    the whole log of draws with the pools that were committed; it names nobody
winners.xlsx  who won what: personal data, keep it apart
payments.xlsx the packets and their bill numbers: personal data, keep it apart

Check the proof: `kaijiang verify proof.json` (exit 0 proved, 1 disproved with the exact step, 2 unreadable), or drop it on
the page /verify of any Kaijiang server, which works offline once it is loaded. The protocol is described in the source; a
verifier can be written from that description alone.
";

/// Where an export goes.
enum Out {
    Folder(PathBuf),
    Archive(Box<zip::ZipWriter<std::fs::File>>, PathBuf),
}

impl Out {
    fn open(path: &Path) -> anyhow::Result<Self> {
        if path.extension().is_some_and(|ending| ending == "zip") {
            let file = std::fs::File::create_new(path);
            let file = file.with_context(|| format!("cannot write {}", path.display()))?;
            return Ok(Self::Archive(Box::new(zip::ZipWriter::new(file)), path.to_owned()));
        }
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self::Folder(path.to_owned()))
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Folder(folder) => {
                let file = folder.join(name);
                std::fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
                println!("{}", file.display());
            }
            Self::Archive(zip, _) => {
                zip.start_file(name, zip::write::SimpleFileOptions::default().large_file(true))?;
                std::io::Write::write_all(zip, bytes)?;
            }
        }
        Ok(())
    }

    fn close(self) -> anyhow::Result<()> {
        if let Self::Archive(zip, path) = self {
            zip.finish()?.sync_all()?;
            println!("{}", path.display());
        }
        Ok(())
    }
}
