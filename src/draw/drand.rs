//! drand's quicknet (§7): whether a beacon really is that of its round. Only with the feature `drand`.

use super::hash::DrandSig;

/// Whether BLS signatures are verified here; else a drand round is reported as unverified and gives no level.
pub const VERIFIED: bool = cfg!(feature = "drand");

/// The pinned public key of quicknet.
#[cfg(feature = "drand")]
const QUICKNET_KEY: &str = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451\
0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";

/// Whether the signature is quicknet's for this round.
#[cfg(feature = "drand")]
pub(super) fn signed(round: u64, signature: &DrandSig) -> bool {
    use drand_verify::{G2PubkeyRfc, Pubkey as _};
    let mut key = [0; 96];
    let key =
        hex::decode_to_slice(QUICKNET_KEY, &mut key).ok().and_then(|()| G2PubkeyRfc::from_fixed(key).ok());
    key.is_some_and(|key| key.verify(round, b"", signature.bytes()).unwrap_or(false))
}

/// Nothing is refused for a signature that cannot be verified.
#[cfg(not(feature = "drand"))]
pub(super) fn signed(_round: u64, _signature: &DrandSig) -> bool {
    true
}

#[cfg(all(test, feature = "drand"))]
mod tests {
    use super::super::entropy::{Level, QUICKNET, Source, Value};
    use super::super::evening::Evening;
    use super::super::hash::{Hex, sha256};
    use super::super::line::Entropy;
    use super::super::{Award, Body, Code, DrawKind};
    use super::*;

    const ROUND: u64 = 657_413;

    /// A real beacon, from the protocol's vectors.
    fn beacon() -> DrandSig {
        let text = include_str!("../../tests/vectors/draw-vectors.json");
        let at = text.find("\"round\":657413").unwrap();
        text[at..].split("\"signature\":\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
    }

    fn changed() -> DrandSig {
        let mut bytes = *beacon().bytes();
        bytes[20] ^= 1;
        Hex(bytes)
    }

    #[test]
    fn a_beacon_belongs_to_its_round() {
        assert!(signed(ROUND, &beacon()));
        assert!(!signed(ROUND + 1, &beacon()));
        assert!(!signed(ROUND, &changed()));
        assert!(!signed(ROUND, &Hex([0; 48])));
    }

    #[test]
    fn a_log_takes_only_a_signed_beacon_which_gives_the_highest_level() {
        let mut evening = Evening::open(1);
        let mut rule = evening.rule();
        (rule.kind, rule.k, rule.award) = (DrawKind::Main, 1, Award::None);
        let source = Source::Drand { chain: QUICKNET.parse().unwrap(), round: ROUND };
        rule.entropy = vec![source.clone()];
        let commit = evening.state.commit(rule, &evening.pool).unwrap();
        evening.push(commit);
        let value = |signature: DrandSig| Value::Drand { randomness: sha256(signature.bytes()), signature };
        let line = |value| evening.state.next_line(0, None, Body::Entropy(Entropy { draw: 1, i: 0, value }));
        assert_eq!(evening.state.check(&line(value(changed()))), Err(Code::Drand));
        assert_eq!(evening.state.check(&line(value(beacon()))), Ok(()));
        assert_eq!(source.level(&value(beacon())), Level::A3);
    }
}
