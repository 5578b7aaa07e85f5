//! Uploads: resume, and everything that is no honest photo.

use std::time::Instant;

use image::{DynamicImage, ImageFormat, RgbImage};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Desk, encoded, photo, picture};
use crate::harness::{Backend, Phone, answer, both};

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_the_network_broke() {
    for backend in both() {
        let desk = Desk::new(backend, 1).await;
        let id = desk.draft(0, "SO-1").await;
        let photo = photo(1);
        assert!(photo.len() > 70_000, "{}", photo.len());
        let whole = (id.as_str(), 1);
        let (status, body) = desk.piece(0, whole, &photo, (0, &photo[..20_000])).await;
        assert_eq!((status, &body["photos"][0]["received"]), (StatusCode::OK, &json!(20_000)), "{body}");
        // The answer was lost: the same piece again is told where to go on, and so is one from further on.
        for offset in [0, 50_000] {
            let (status, body) =
                desk.piece(0, whole, &photo, (offset, &photo[offset..offset + 20_000])).await;
            assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("offset")), "{body}");
            assert!(body["detail"].as_str().unwrap().contains("20000"), "{body}");
        }
        let sending = desk.send(0, &id).await;
        assert_eq!((sending.0, &sending.1["code"]), (StatusCode::CONFLICT, &json!("photos_missing")));
        let (status, body) = desk.piece(0, whole, &photo, (20_000, &photo[20_000..])).await;
        assert_eq!((status, &body["photos"][0]["ready"]), (StatusCode::OK, &json!(true)), "{body}");
        // All is here: asking once more changes nothing.
        let (status, body) = desk.piece(0, whole, &photo, (photo.len(), &[])).await;
        assert_eq!((status, &body["photos"][0]["ready"]), (StatusCode::OK, &json!(true)), "{body}");
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_that_do_not_fit_are_refused() {
    let desk = Desk::new(Backend::Light, 1).await;
    let id = desk.draft(0, "SO-1").await;
    let photo = photo(1);
    let whole = (id.as_str(), 1);
    let code = async |offset: usize, bytes: &[u8]| {
        let (status, body) = desk.piece(0, whole, &photo, (offset, bytes)).await;
        (status.as_u16(), body["code"].as_str().unwrap_or("").to_owned())
    };
    assert_eq!(code(0, &photo[..100]).await, (422, "query".into()), "a tiny piece");
    assert_eq!(code(0, &vec![0xff; 600_000]).await, (413, "too_large".into()));
    assert_eq!(code(10_000, &photo[10_000..40_000]).await, (409, "offset".into()));
    assert_eq!(code(usize::MAX / 4, &photo[..20_000]).await, (422, "query".into()));
    // Another file than announced: nothing of it stays, and the right one goes through.
    let other = super::photo(2);
    let mixed: Vec<u8> = other.iter().copied().chain(photo.iter().copied()).take(photo.len()).collect();
    assert_eq!(code(0, &mixed).await, (422, "photo_sha256".into()));
    let (status, body) = desk.upload(0, &id, 1, &photo).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, body) = desk.upload(0, &id, 4, &super::photo(3)).await;
    assert_eq!((status.as_u16(), &body["code"]), (422, &json!("photos_limit")), "{body}");
    let n = format!("/vouchers/{id}/photos/10?offset=0&size=1&sha256={}", "0".repeat(64));
    let request = desk.guest(0).request(Method::PUT, &n).header("content-type", "application/octet-stream");
    assert_eq!(answer(request.body("x")).await.0, StatusCode::NOT_FOUND);
    let json = format!("/vouchers/{id}/photos/1?offset=0&size=1&sha256={}", "0".repeat(64));
    let (status, _) = answer(desk.guest(0).request(Method::PUT, &json).json(&json!({}))).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    desk.rig.evening.stop().await;
}

/// A PNG that says it is 20,000 × 20,000, with hardly any data.
fn bomb() -> Vec<u8> {
    let mut bytes = encoded(&DynamicImage::ImageRgb8(RgbImage::new(8, 8)), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&20_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&20_000_u32.to_be_bytes());
    let sum = crc(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 },
        )
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// A JPEG with a place and a script in its metadata, turned on its side, and a page behind the picture.
fn polyglot() -> Vec<u8> {
    let plain = encoded(&picture(9), ImageFormat::Jpeg);
    // Little-endian EXIF with one entry: orientation 6.
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    exif.extend(b"GPS 31.2304N 121.4737E <script>alert(1)</script>");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let mut out = plain[..2].to_vec();
    out.extend([0xff, 0xe1]);
    out.extend(length);
    out.extend(exif);
    out.extend(&plain[2..]);
    out.extend(b"<html><script>alert(2)</script></html>PK\x03\x04");
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_photo_is_refused_and_what_is_one_is_made_anew() {
    for backend in both() {
        let desk = Desk::new(backend, 2).await;
        let id = desk.draft(0, "SO-1").await;
        let refused = async |bytes: &[u8]| {
            let (status, body) = desk.upload(0, &id, 1, bytes).await;
            (status.as_u16(), body["code"].as_str().unwrap_or("").to_owned())
        };
        let started = Instant::now();
        assert_eq!(refused(&bomb()).await, (422, "photo_pixels".into()));
        assert!(started.elapsed().as_secs() < 5, "the bomb was not decoded");
        assert_eq!(refused(b"<html><body>not a photo</body></html>").await, (415, "photo_type".into()));
        assert_eq!(
            refused(b"<svg xmlns='http://www.w3.org/2000/svg'></svg>").await,
            (415, "photo_type".into())
        );
        assert_eq!(refused(b"GIF89a\x01\0\x01\0\0\0\0;").await, (415, "photo_type".into()));
        assert_eq!(
            refused(b"\xff\xd8\xff\xe0<html><script>alert(1)</script>").await,
            (422, "photo_broken".into())
        );
        assert_eq!(refused(&photo(1)[..30_000]).await, (422, "photo_broken".into()));
        let large = vec![0xff; 6 << 20];
        let (status, body) = desk.piece(0, (&id, 1), &large, (0, &large[..100_000])).await;
        assert_eq!((status, &body["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("photo_too_large")));
        let (status, body) = desk.upload(0, &id, 1, &polyglot()).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let path = format!("/vouchers/{id}/photos/1");
        let response = desk.guest(0).request(Method::GET, &path).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            (header("content-type"), header("x-content-type-options")),
            ("image/jpeg".into(), "nosniff".into())
        );
        assert!(header("content-security-policy").contains("sandbox"));
        let bytes = response.bytes().await.unwrap();
        for trace in [&b"Exif"[..], b"GPS", b"script", b"PK\x03\x04"] {
            assert!(!bytes.windows(trace.len()).any(|part| part == trace), "{trace:?} came through");
        }
        // Upright: 320 × 240 on its side.
        let made = image::load_from_memory(&bytes).unwrap();
        assert_eq!((made.width(), made.height()), (240, 320));
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_are_for_their_sender_and_for_reviewers() {
    for backend in both() {
        let desk = Desk::new(backend, 2).await;
        let id = desk.sent(0, "SO-1", 1).await;
        let path = format!("/vouchers/{id}/photos/1?small=true");
        let seen = async |phone: &Phone| phone.request(Method::GET, &path).send().await.unwrap().status();
        assert_eq!(seen(desk.guest(0)).await, StatusCode::OK);
        assert_eq!(seen(desk.guest(1)).await, StatusCode::NOT_FOUND);
        assert_eq!(
            seen(&Phone::new(&desk.rig.evening, &desk.rig.meeting, "oNobody")).await,
            StatusCode::UNAUTHORIZED
        );
        for (role, status) in [("reviewer", 200), ("finance", 200), ("auditor", 403), ("host", 403)] {
            let request = desk.rig.evening.staff(role).request(Method::GET, &desk.rig.path(&path));
            assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{role}");
        }
        // Another meeting's address, and another person's commands.
        let other = desk.rig.host().post("/api/meetings", json!({ "name": "别的活动" })).await;
        let foreign = format!("/api/meetings/{}{path}", other["id"].as_str().unwrap());
        let request = desk.reviewer().request(Method::GET, &foreign);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_FOUND);
        assert_eq!(desk.send(1, &id).await.0, StatusCode::NOT_FOUND);
        assert_eq!(desk.upload(1, &id, 2, &photo(7)).await.0, StatusCode::NOT_FOUND);
        for method in [Method::DELETE, Method::PATCH] {
            let request = desk.guest(1).request(method, &format!("/vouchers/{id}"));
            let (status, _) = answer(request.json(&json!({ "fields": {} }))).await;
            assert_eq!(status, StatusCode::NOT_FOUND);
        }
        desk.rig.evening.stop().await;
    }
}
