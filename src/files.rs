//! Files that people send: a folder of this machine, or S3 when there are several servers (`files.url`).

use std::{path::PathBuf, sync::OnceLock, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, RetryConfig, aws::AmazonS3Builder, local::LocalFileSystem,
    path::Path, prefix::PrefixStore,
};
use url::Url;

use crate::{
    app::App,
    config::Config,
    error::{ApiError, ApiResult},
    keys::short_id,
};

type Store = Box<dyn ObjectStore>;

/// S3 is asked again for so long: whoever waits for it should be told before their browser gives up.
const PATIENCE: Duration = Duration::from_secs(8);

#[derive(Debug, Default)]
struct Opened(OnceLock<Store>);

/// Opens the place; at start, so that a wrong address is told at once.
pub fn open(app: &App) -> anyhow::Result<()> {
    let opened = app.kept::<Opened>();
    if opened.0.get().is_none() {
        let store = place(app).context("files.url")?;
        // Somebody else was faster: theirs is the same place.
        let _ = opened.0.set(store);
    }
    Ok(())
}

/// The folder of this machine where files lie; `None` when `files.url` is a store of its own.
pub fn local(config: &Config) -> anyhow::Result<Option<PathBuf>> {
    let address = config.files.url.as_str();
    if address.is_empty() {
        return Ok(Some(config.data.dir.join("files")));
    }
    let url = Url::parse(address).with_context(|| format!("{address} is no address"))?;
    if url.scheme() != "file" {
        return Ok(None);
    }
    url.to_file_path().map(Some).map_err(|()| anyhow::anyhow!("{address} names no folder"))
}

fn place(app: &App) -> anyhow::Result<Store> {
    let config = app.config();
    if let Some(path) = local(config)? {
        return folder(&path);
    }
    let address = config.files.url.as_str();
    let url = Url::parse(address).with_context(|| format!("{address} is no address"))?;
    crate::wechat::tls::install_ring();
    let retry = RetryConfig { max_retries: 3, retry_timeout: PATIENCE, ..RetryConfig::default() };
    // Key, region and endpoint as every tool for S3 takes them: AWS_ACCESS_KEY_ID, AWS_ENDPOINT and so on.
    let asked = AmazonS3Builder::from_env().with_url(address).with_retry(retry);
    // We remove one file at a time; not every store that speaks S3 takes them by the list.
    let store = asked.with_disable_bulk_delete(true).build();
    let store = store.with_context(|| format!("cannot use {address}"))?;
    Ok(Box::new(PrefixStore::new(store, Path::from_url_path(url.path())?)))
}

fn folder(path: &std::path::Path) -> anyhow::Result<Store> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))?;
    let store = LocalFileSystem::new_with_prefix(path)
        .with_context(|| format!("cannot use the folder {}", path.display()))?;
    Ok(Box::new(store.with_automatic_cleanup(true)))
}

fn opened(app: &App) -> anyhow::Result<std::sync::Arc<Opened>> {
    open(app)?;
    Ok(app.kept::<Opened>())
}

/// Keeps a file; one of the same name is replaced. 503 `unavailable` when its place is away.
pub async fn put(app: &App, name: &str, bytes: Bytes) -> ApiResult<()> {
    let opened = opened(app)?;
    let store = opened.0.get().context("files are not open")?;
    store.put(&Path::from(name), bytes.into()).await.map_err(|error| away(name, &error))?;
    Ok(())
}

/// 503: the folder is full or its disk is gone, or S3 does not answer.
fn away(name: &str, error: &Error) -> ApiError {
    tracing::warn!(name, %error, "the files' place is away");
    ApiError::unavailable("文件现在存取不了，请稍后重试；如仍失败请联系管理员。")
}

/// Keeps a small file, reads it back and removes it: whether all three would work at the evening.
pub async fn probe(app: &App) -> anyhow::Result<()> {
    let opened = opened(app)?;
    let store = opened.0.get().context("files are not open")?;
    let name = Path::from(format!("probe/{}", short_id()));
    let bytes = Bytes::from(short_id());
    store.put(&name, bytes.clone().into()).await.context("a file cannot be kept")?;
    let read = async { anyhow::Ok(store.get(&name).await?.bytes().await?) };
    let read = read.await.context("a file that was kept cannot be read")?;
    store.delete(&name).await.context("a file cannot be removed")?;
    anyhow::ensure!(read == bytes, "a file does not come back as it was kept");
    Ok(())
}

/// Reads a file; `None` when there is none of this name. 503 `unavailable` when its place is away.
pub async fn get(app: &App, name: &str) -> ApiResult<Option<Bytes>> {
    let opened = opened(app)?;
    let store = opened.0.get().context("files are not open")?;
    let found = async { store.get(&Path::from(name)).await?.bytes().await };
    match found.await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(away(name, &error)),
    }
}

/// Removes a file; what cannot be removed stays and is logged.
pub async fn remove(app: &App, name: &str) {
    let removed = async {
        let opened = opened(app)?;
        let store = opened.0.get().context("files are not open")?;
        match store.delete(&Path::from(name)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(anyhow::Error::new(error)),
        }
    };
    if let Err(error) = removed.await {
        tracing::warn!(name, error = format!("{error:#}"), "a file was not removed");
    }
}

/// Removes all files of a folder. What cannot be removed stays and is logged: nobody waits for it.
pub async fn remove_under(app: &App, folder: &str) {
    if let Err(error) = erase_under(app, folder).await {
        tracing::warn!(folder, error = format!("{error:#}"), "files were not removed");
    }
}

/// The same, for those who have to know.
pub async fn erase_under(app: &App, folder: &str) -> anyhow::Result<()> {
    let opened = opened(app)?;
    let store = opened.0.get().context("files are not open")?;
    let found: Vec<_> = store.list(Some(&Path::from(folder))).try_collect().await?;
    for file in found {
        match store.delete(&file.location).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
