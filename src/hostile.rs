//! What strangers send, for the tests of every parser that reads it: bytes at random, and good examples with the damage
//! that parsers stumble over. A failure prints the smallest input and its seed; `KAIJIANG_FUZZ=50` tries fifty times as
//! many.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::Index};
use rustix::time::{ClockId, clock_gettime};

/// Time on a processor that reading one input may take, in an unoptimised build: a hundred times what a bad one takes.
const LONGEST: Duration = Duration::from_secs(3);
/// Times that something is repeated or nested.
const MANY: usize = 3_000;

/// This many inputs, or as often as the environment asks for.
pub(crate) fn cases(count: u32) -> ProptestConfig {
    let times = std::env::var("KAIJIANG_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(1_u32);
    ProptestConfig::with_cases(count.saturating_mul(times))
}

/// Reads an input, which must not take long.
pub(crate) fn quickly<T>(read: impl FnOnce() -> T) -> T {
    let begun = on_processor();
    let made = read();
    let spent = on_processor().saturating_sub(begun);
    assert!(spent < LONGEST, "it took {spent:?}");
    made
}

fn on_processor() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}

/// One kind of damage.
#[derive(Clone, Debug)]
enum Damage {
    /// The end is missing.
    Cut(Index),
    /// Other bits.
    Flip(Index, u8),
    /// A part is missing.
    Drop(Index, Index),
    /// A part comes twice.
    Twice(Index, Index),
    /// One byte comes thousands of times.
    Run(Index, u8, usize),
    /// Something is opened thousands of times.
    Nest(Index, &'static str, usize),
    /// Words that mean something to one parser or another.
    Word(Index, &'static str),
    /// A length, in four bytes.
    Length(Index, u32),
    /// Anything.
    Splice(Index, Vec<u8>),
}

static OPENINGS: [&str; 6] = ["[", "{\"a\":", "<a>", "<![CDATA[", "(", "&amp;"];
static WORDS: [&str; 16] = [
    "\0",
    "\u{feff}",
    "\u{202e}",
    "99999999999999999999999",
    "-1",
    "1e999",
    "NaN",
    "null",
    "\\u0000",
    "<!DOCTYPE x [<!ENTITY a \"b\">]>",
    "&a;",
    "]]>",
    "../../etc/passwd",
    "\r\n\r\n",
    "%00",
    "=HYPERLINK(\"http://x\")",
];
static LENGTHS: [u32; 5] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        at().prop_map(Damage::Cut),
        (at(), 1_u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (at(), at()).prop_map(|(from, to)| Damage::Drop(from, to)),
        (at(), at()).prop_map(|(from, to)| Damage::Twice(from, to)),
        (at(), any::<u8>(), 1..MANY).prop_map(|(at, byte, count)| Damage::Run(at, byte, count)),
        (at(), prop::sample::select(&OPENINGS[..]), 1..MANY)
            .prop_map(|(at, opening, count)| Damage::Nest(at, opening, count)),
        (at(), prop::sample::select(&WORDS[..])).prop_map(|(at, word)| Damage::Word(at, word)),
        (at(), prop::sample::select(&LENGTHS[..])).prop_map(|(at, length)| Damage::Length(at, length)),
        (at(), vec(any::<u8>(), 1..24)).prop_map(|(at, bytes)| Damage::Splice(at, bytes)),
    ]
}

impl Damage {
    fn done(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let place = |at: &Index| at.index(length + 1);
        let part = |from: &Index, to: &Index| {
            let (from, to) = (place(from), place(to));
            from.min(to)..from.max(to)
        };
        let (at, new): (usize, Vec<u8>) = match self {
            Self::Cut(at) => return bytes.truncate(place(at)),
            Self::Drop(from, to) => return drop(bytes.drain(part(from, to))),
            Self::Flip(at, bits) => {
                let at = place(at);
                return bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= bits);
            }
            Self::Length(at, length) => {
                let at = place(at);
                let end = bytes.len().min(at + 4);
                bytes[at..end].copy_from_slice(&length.to_be_bytes()[..end - at]);
                return;
            }
            Self::Twice(from, to) => (place(from), bytes[part(from, to)].to_vec()),
            Self::Run(at, byte, count) => (place(at), vec![*byte; *count]),
            Self::Nest(at, opening, count) => (place(at), opening.repeat(*count).into_bytes()),
            Self::Word(at, word) => (place(at), word.as_bytes().to_vec()),
            Self::Splice(at, new) => (place(at), new.clone()),
        };
        bytes.splice(at..at, new);
    }
}

/// Good examples, damaged once or a few times; now and then nothing but noise.
pub(crate) fn damaged(examples: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let worse = |(mut bytes, damages): (Vec<u8>, Vec<Damage>)| {
        for damage in &damages {
            damage.done(&mut bytes);
        }
        bytes
    };
    prop_oneof![
        8 => (prop::sample::select(examples), vec(damage(), 1..5)).prop_map(worse),
        1 => vec(any::<u8>(), 0..400),
    ]
}

/// The same of a text; what is no UTF-8 any more is replaced.
pub(crate) fn damaged_text(examples: &[&str]) -> impl Strategy<Value = String> + use<> {
    let examples = examples.iter().map(|text| text.as_bytes().to_vec()).collect();
    damaged(examples).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(target_os = "linux")]
mod memory {
    use std::process::Command;

    /// Address space of the process that reads all this again, KiB: the program itself and its threads need most of it.
    const SPACE: u32 = 1_200_000;

    /// Every test whose name has `hostile` in it, once more where a parser that believes a length dies of it.
    #[test]
    fn no_parser_takes_more_memory_than_there_is() {
        let this = std::env::current_exe().unwrap();
        let script = format!("ulimit -v {SPACE} && exec \"$0\" \"$@\"");
        let again = Command::new("sh")
            .args(["-c", &script])
            .arg(this)
            .args(["::hostile::", "--skip", "memory::", "--test-threads", "1"])
            .env("MALLOC_ARENA_MAX", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&again.stdout).into_owned();
        assert!(again.status.success(), "{said}{}", String::from_utf8_lossy(&again.stderr));
        assert!(said.matches(" ... ok").count() > 15, "{said}");
    }
}
