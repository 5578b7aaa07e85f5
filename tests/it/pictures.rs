//! Pictures of the host: made anew, served as what they are, on prizes and on the screen.

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    harness::{Api, TestApp, answer, both},
    live::show::look,
    people::meeting,
    voucher::{encoded, photo, picture},
};

pub(crate) async fn upload(host: &Api, meeting: &str, what: &str, bytes: Vec<u8>) -> (StatusCode, Value) {
    let path = format!("/api/meetings/{meeting}/pictures?for={what}");
    let request = host.request(Method::POST, &path).header(header::CONTENT_TYPE, "application/octet-stream");
    answer(request.body(bytes)).await
}

pub(crate) async fn uploaded(host: &Api, meeting: &str, what: &str, bytes: Vec<u8>) -> String {
    let (status, body) = upload(host, meeting, what, bytes).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

/// A logo with nothing around it.
fn logo() -> Vec<u8> {
    let pixel = |x: u32, _| Rgba([180, 20, 30, if x < 100 { 0 } else { 255 }]);
    encoded(&DynamicImage::ImageRgba8(RgbaImage::from_fn(200, 100, pixel)), ImageFormat::Png)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_made_anew_and_served_for_ever() {
    for backend in both() {
        let evening = TestApp::start(backend, json!({})).await;
        let host = evening.staff("host");
        let meeting = meeting(&host, false).await;
        let mut file = encoded(&picture(3), ImageFormat::Jpeg);
        file.extend_from_slice(b"<script>alert(1)</script>");
        let id = uploaded(&host, &meeting, "prize", file.clone()).await;
        assert_eq!(id.len(), 32);

        // Without any session, as phones and screens ask.
        let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
        let got = stranger.get(format!("{}/api/pictures/{id}", evening.base)).send().await.unwrap();
        let head = |name: header::HeaderName| got.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(head(header::CONTENT_TYPE), "image/jpeg");
        assert_eq!(head(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(head(header::CONTENT_SECURITY_POLICY), "default-src 'none'; sandbox");
        assert!(head(header::CACHE_CONTROL).contains("immutable"), "{}", head(header::CACHE_CONTROL));
        let bytes = got.bytes().await.unwrap();
        assert!(!bytes.windows(8).any(|part| part == b"<script>"), "nothing of the file behind the picture");
        let made = image::load_from_memory(&bytes).unwrap();
        assert_eq!((made.width(), made.height()), (320, 240));

        let clear = uploaded(&host, &meeting, "logo", logo()).await;
        let bytes = host.bytes(&format!("/api/pictures/{clear}")).await;
        assert_eq!(image::guess_format(&bytes).unwrap(), ImageFormat::Png, "what shows through stays so");
        let other = uploaded(&host, &meeting, "logo", logo()).await;
        assert_ne!(clear, other, "a picture never changes: the same one again has another name");
        host.refused_get(&format!("/api/pictures/{}", "0".repeat(32)), 404, "not_found").await;
        host.refused_get("/api/pictures/..%2Fx", 404, "not_found").await;
        evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_is_refused() {
    let evening = TestApp::start(crate::harness::Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    let code = async |what: &str, bytes: Vec<u8>| {
        let (status, body) = upload(&host, &meeting, what, bytes).await;
        (status.as_u16(), body["code"].as_str().unwrap_or("").to_owned())
    };
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec();
    assert_eq!(code("logo", svg).await, (415, "picture_type".into()));
    assert_eq!(code("logo", Vec::new()).await, (415, "picture_type".into()));
    assert_eq!(code("logo", photo(1)[..200].to_vec()).await, (422, "picture_broken".into()));
    assert_eq!(code("poster", photo(1)).await, (422, "query".into()));
    let wide = DynamicImage::new_luma8(6_000, 5_000);
    assert_eq!(code("background", encoded(&wide, ImageFormat::Png)).await, (422, "picture_pixels".into()));
    let form = host.request(Method::POST, &format!("/api/meetings/{meeting}/pictures?for=logo"));
    let (status, body) = answer(form.header(header::CONTENT_TYPE, "image/png").body(photo(1))).await;
    assert_eq!((status.as_u16(), &body["code"]), (415, &json!("content_type")));
    let (status, body) = upload(&evening.staff("finance"), &meeting, "logo", photo(1)).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("role")));
    let (status, body) = upload(&host, "nowhere", "logo", photo(1)).await;
    assert_eq!((status.as_u16(), &body["code"]), (404, &json!("not_found")));
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prizes_and_the_screen_have_pictures() {
    for backend in both() {
        let evening = TestApp::start(backend, json!({})).await;
        let host = evening.staff("host");
        let meeting = meeting(&host, false).await;
        let root = format!("/api/meetings/{meeting}");
        let (one, two) = (
            uploaded(&host, &meeting, "prize", photo(1)).await,
            uploaded(&host, &meeting, "background", photo(2)).await,
        );
        let new = json!({ "name": "一等奖", "kind": "goods", "goods": "平板电脑", "picture": one });
        let prize = host.post(&format!("{root}/prizes"), new).await;
        assert_eq!(prize["picture"], json!(one));
        let path = format!("{root}/prizes/{}", prize["id"].as_str().unwrap());
        let edit = async |body: Value| answer(host.request(Method::PATCH, &path).json(&body)).await;
        // A page that moves prizes up and down says nothing of pictures.
        let (_, moved) = edit(json!({ "version": 1, "name": "一等奖", "goods": "平板电脑", "ord": 3 })).await;
        assert_eq!(moved["picture"], json!(one));
        let wrong =
            json!({ "version": 2, "name": "一等奖", "goods": "书", "ord": 3, "picture": "f".repeat(32) });
        let (status, body) = edit(wrong).await;
        assert_eq!((status.as_u16(), &body["field"]), (422, &json!("picture")), "{body}");
        let (_, bare) =
            edit(json!({ "version": 2, "name": "一等奖", "goods": "书", "ord": 3, "picture": "" })).await;
        assert!(bare.get("picture").is_none(), "{bare}");

        let mut wanted = look(1);
        wanted["background"] = json!(two);
        wanted["logo_picture"] = json!(one);
        let told = host.post(&format!("{root}/show"), wanted).await;
        assert_eq!((&told["background"], &told["logo_picture"]), (&json!(two), &json!(one)));
        for field in ["background", "logo_picture"] {
            let mut wrong = look(2);
            wrong[field] = json!("../../etc/passwd");
            let body = host.refused(&format!("{root}/show"), wrong, 422, "invalid").await;
            assert_eq!(body["field"], json!(field));
        }
        evening.stop().await;
    }
}
