//! Files in an S3 bucket, as several servers share one: the real client against a bucket that keeps what it is given.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    harness::{Backend, Process, TestApp, answer},
    people::{add, meeting},
    pictures::{upload, uploaded},
    voucher::photo,
};

/// What lies in the bucket by its path, and whether it answers.
#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Bytes>,
    away: bool,
}

type Far = Arc<Mutex<Bucket>>;

#[derive(Deserialize)]
struct List {
    prefix: Option<String>,
}

/// The four calls of S3 that we make, for requests that carry a signature of our key.
async fn bucket(
    State(far): State<Far>,
    Query(list): Query<List>,
    (method, uri, head): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Response {
    let mut far = far.lock().unwrap_or_else(PoisonError::into_inner);
    let signed = head.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signed.starts_with("AWS4-HMAC-SHA256 Credential=AKTEST/")
        || !signed.contains("/cn-north-1/s3/aws4_request")
    {
        return StatusCode::FORBIDDEN.into_response();
    }
    if far.away {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let path = uri.path().to_owned();
    match (method, list.prefix) {
        (Method::PUT, _) => {
            far.objects.insert(path, body);
            (StatusCode::OK, [("etag", "\"1\"")]).into_response()
        }
        (Method::GET, Some(prefix)) => {
            let mut found = String::new();
            for (path, bytes) in &far.objects {
                let Some(key) = path.strip_prefix("/photos/").filter(|key| key.starts_with(&prefix)) else {
                    continue;
                };
                let _ = write!(
                    found,
                    "<Contents><Key>{key}</Key><Size>{}</Size><LastModified>2026-11-27T12:00:00.000Z</LastModified></Contents>",
                    bytes.len()
                );
            }
            format!("<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>")
                .into_response()
        }
        (Method::GET, None) => match far.objects.get(&path) {
            Some(bytes) => {
                let head = [("etag", "\"1\""), ("last-modified", "Fri, 27 Nov 2026 12:00:00 GMT")];
                (head, bytes.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
        (Method::DELETE, _) => {
            far.objects.remove(&path);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_lie_in_a_bucket_and_a_bucket_that_is_away_is_said() {
    let far = Far::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    let routes = Router::new().fallback(bucket).with_state(Arc::clone(&far));
    tasks.spawn(async move { axum::serve(listener, routes).await });

    let mut evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    let settings = [
        ("KAIJIANG__FILES__URL", "s3://photos/evening"),
        ("AWS_ACCESS_KEY_ID", "AKTEST"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "cn-north-1"),
        ("AWS_ENDPOINT", &endpoint),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    let server = Process::take_over_with(&mut evening, &settings).await;

    let id = uploaded(&host, &meeting, "prize", photo(1)).await;
    let paths: Vec<_> = far.lock().unwrap().objects.keys().cloned().collect();
    assert_eq!(paths.len(), 1, "{paths:?}");
    assert!(paths[0].starts_with("/photos/evening/") && paths[0].contains(&id), "{paths:?}");
    let seen = host.bytes(&format!("/api/pictures/{id}")).await;
    assert_eq!(seen, far.lock().unwrap().objects[&paths[0]]);

    far.lock().unwrap().away = true;
    let (status, body) = upload(&host, &meeting, "prize", photo(2)).await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("unavailable")), "{body}");
    host.refused_get(&format!("/api/pictures/{id}"), 503, "unavailable").await;
    far.lock().unwrap().away = false;
    let other = uploaded(&host, &meeting, "prize", photo(2)).await;
    assert!(!host.bytes(&format!("/api/pictures/{other}")).await.is_empty());
    assert!(!server.log().contains("secret"), "the key is in the log");

    // A face that is replaced is found among the others and removed.
    let person = add(&host, &meeting, "王伟", "13800138000").await;
    let path = format!("/api/meetings/{meeting}/people/{}/photo", person["id"].as_str().unwrap());
    let faces = || {
        far.lock().unwrap().objects.keys().filter(|path| !paths.contains(path)).cloned().collect::<Vec<_>>()
    };
    let before = faces();
    for shade in [1, 2] {
        let put =
            host.request(reqwest::Method::PUT, &path).header("content-type", "application/octet-stream");
        let (status, body) = answer(put.body(photo(shade))).await;
        assert!(status.is_success(), "{body}");
    }
    assert_eq!(faces().len(), before.len() + 1, "{:?} {}", faces(), server.log());
    drop(server);
    evening.stop().await;
}
