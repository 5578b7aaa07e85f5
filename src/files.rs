//! Files that people send: a folder of this machine, or S3 when there are several servers (`files.url`).

use std::{path::PathBuf, sync::OnceLock};

use anyhow::Context;
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, local::LocalFileSystem, parse_url_opts, path::Path,
    prefix::PrefixStore,
};
use url::Url;

use crate::{app::App, config::Config, error::ApiResult, keys::short_id};

type Store = Box<dyn ObjectStore>;

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
    // Key, region and endpoint as every tool for S3 takes them: AWS_ACCESS_KEY_ID, AWS_ENDPOINT and so on.
    let settings = std::env::vars().filter(|(name, _)| name.starts_with("AWS_"));
    let settings = settings.map(|(name, value)| (name.to_lowercase(), value));
    let (store, prefix) = parse_url_opts(&url, settings).with_context(|| format!("cannot use {address}"))?;
    Ok(Box::new(PrefixStore::new(store, prefix)))
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

/// Keeps a file; one of the same name is replaced.
pub async fn put(app: &App, name: &str, bytes: Bytes) -> ApiResult<()> {
    let opened = opened(app)?;
    let store = opened.0.get().context("files are not open")?;
    store
        .put(&Path::from(name), bytes.into())
        .await
        .with_context(|| format!("a file was not kept: {name}"))?;
    Ok(())
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

/// Reads a file; `None` when there is none of this name.
pub async fn get(app: &App, name: &str) -> ApiResult<Option<Bytes>> {
    let opened = opened(app)?;
    let store = opened.0.get().context("files are not open")?;
    let found = match store.get(&Path::from(name)).await {
        Ok(found) => found,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => {
            return Err(anyhow::Error::new(error).context(format!("a file was not read: {name}")).into());
        }
    };
    Ok(Some(found.bytes().await.with_context(|| format!("a file was not read: {name}"))?))
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
