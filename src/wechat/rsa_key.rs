//! RSA keys, made: for the sandbox, which has to have a merchant's and a payer's, and for tests. The keys of real
//! merchants come from WeChat's platform; nothing of ours ever decrypts with one.

use base64::{Engine, engine::general_purpose::STANDARD};
use num_bigint::BigUint;

use crate::keys::random;

/// Bytes of each prime: a modulus of 2048 bits.
const PRIME_BYTES: usize = 128;
/// Rounds of the test of primes; an error is less likely than 4^-40.
const ROUNDS: usize = 40;
/// Numbers with a divisor below this are not tested at all.
const SIEVE: u32 = 2_000;
/// The public exponent.
const EXPONENT: u32 = 65_537;
/// DER of the algorithm `rsaEncryption` with its NULL.
const ALGORITHM: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// A pair in PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    /// PKCS#1.
    pub private_pem: String,
    /// As WeChat gives its own out.
    pub public_pem: String,
}

/// Makes a pair; `None` when chance gave unusable primes, which hardly ever happens.
pub fn make() -> Option<Pair> {
    let (zero, one, public) = (BigUint::ZERO, BigUint::from(1_u32), BigUint::from(EXPONENT));
    let (first, second) = (prime(), prime());
    // The larger one comes first.
    let (p, q) = if first > second { (first, second) } else { (second, first) };
    let (p_less, q_less) = (&p - &one, &q - &one);
    let modulus = &p * &q;
    let secret = public.modinv(&(&p_less * &q_less))?;
    let (to_p, to_q, coefficient) = (&secret % &p_less, &secret % &q_less, q.modinv(&p)?);
    let private = list(&[&zero, &modulus, &public, &secret, &p, &q, &to_p, &to_q, &coefficient]);
    let mut bits = vec![0];
    bits.extend(list(&[&modulus, &public]));
    let spki = [ALGORITHM.to_vec(), tagged(0x03, &bits)].concat();
    Some(Pair {
        private_pem: pem("RSA PRIVATE KEY", &private),
        public_pem: pem("PUBLIC KEY", &tagged(0x30, &spki)),
    })
}

fn prime() -> BigUint {
    loop {
        let mut bytes: [u8; PRIME_BYTES] = random();
        // Both highest bits: the product has all its bits. The lowest: odd.
        bytes[0] |= 0xc0;
        bytes[PRIME_BYTES - 1] |= 1;
        let number = BigUint::from_bytes_be(&bytes);
        if is_prime(&number) {
            return number;
        }
    }
}

/// Miller and Rabin's test, after the small divisors.
fn is_prime(number: &BigUint) -> bool {
    let (zero, one, two) = (BigUint::ZERO, BigUint::from(1_u32), BigUint::from(2_u32));
    if (3..SIEVE).step_by(2).any(|small| number % small == zero && *number != BigUint::from(small)) {
        return false;
    }
    let less = number - &one;
    let twos = less.trailing_zeros().unwrap_or(0);
    let odd = &less >> twos;
    (0..ROUNDS).all(|_| {
        let base = BigUint::from_bytes_be(&random::<PRIME_BYTES>()) % &less + &one;
        let mut power = base.modpow(&odd, number);
        if power == one || power == less {
            return true;
        }
        for _ in 1..twos {
            power = power.modpow(&two, number);
            if power == less {
                return true;
            }
        }
        false
    })
}

/// A DER list of numbers.
fn list(numbers: &[&BigUint]) -> Vec<u8> {
    let numbers = numbers.iter().map(|number| {
        let mut bytes = number.to_bytes_be();
        // A first bit that is set would make it negative.
        if bytes.first().is_some_and(|first| *first >= 0x80) {
            bytes.insert(0, 0);
        }
        tagged(0x02, &bytes)
    });
    tagged(0x30, &numbers.collect::<Vec<_>>().concat())
}

fn tagged(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut out = vec![tag];
    match length {
        [0, short] if short < 0x80 => out.push(short),
        [0, short] => out.extend([0x81, short]),
        [high, low] => out.extend([0x82, high, low]),
    }
    out.extend_from_slice(bytes);
    out
}

fn pem(name: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_told_from_their_neighbours() {
        for (number, prime) in [(7_919_u32, true), (7_917, false), (2_147_483_647, true), (1_105, false)] {
            assert_eq!(is_prime(&BigUint::from(number)), prime, "{number}");
        }
        // A product of two primes beyond the sieve, and Carmichael's 3828001.
        assert!(!is_prime(&(BigUint::from(104_729_u32) * BigUint::from(104_723_u32))));
        assert!(!is_prime(&BigUint::from(3_828_001_u32)));
    }
}
