//! The page signature of the JS-SDK.

use sha1::{Digest, Sha1};

/// Signs a page for `wx.config`: 40 lower-case hex digits. `url` is the address as the browser shows it; its part
/// from `#` on is left out here. Only sign addresses of our own hosts.
pub fn signature(ticket: &str, nonce: &str, timestamp_s: i64, url: &str) -> String {
    let page = url.split('#').next().unwrap_or_default();
    let text = format!("jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp_s}&url={page}");
    hex::encode(Sha1::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::vectors;

    #[test]
    fn the_official_example_holds_with_and_without_a_fragment() {
        let all = vectors::all();
        let text = vectors::text(&all["jssdk"]["string"]);
        let mut parts = text.splitn(4, '&').map(|pair| pair.split_once('=').expect("name=value").1);
        let (ticket, nonce, stamp, url) = (
            parts.next().expect("ticket"),
            parts.next().expect("nonce"),
            parts.next().expect("timestamp").parse().expect("a number"),
            parts.next().expect("url"),
        );
        let wanted = vectors::text(&all["jssdk"]["signature"]);
        assert_eq!(signature(ticket, nonce, stamp, url), wanted);
        assert_eq!(signature(ticket, nonce, stamp, &format!("{url}#top")), wanted);
    }
}
