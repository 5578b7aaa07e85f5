//! From bytes of a stranger to a picture of ours: type by content, size before decoding, decoded under limits, turned
//! upright, encoded anew. Nothing of the original file is kept: no metadata, no text behind the picture.

use std::{io::Cursor, sync::Arc, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
    imageops::FilterType,
    metadata::Orientation,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    app::App,
    error::{ApiError, ApiResult},
};

/// Most pixels of a photo.
pub const PIXELS: u64 = 25_000_000;
/// Most bytes that a decoder may take.
const DECODED_BYTES: u64 = 256 << 20;
/// Longest side of what is kept, and of the small one in lists.
const FULL: u32 = 2_560;
const SMALL: u32 = 320;
const QUALITY: u8 = 85;
/// Pictures that are decoded at the same time: each may take a few hundred megabytes.
const DECODERS: usize = 2;
/// How long one waits for its turn.
const TURN: Duration = Duration::from_secs(20);

/// Why a file is no photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None of the three types.
    Type,
    /// Too many pixels.
    Pixels,
    /// Not decodable, or nothing in it.
    Broken,
}

/// A photo made anew.
#[derive(Debug)]
pub struct Made {
    /// JPEG, at most 2,560 pixels a side.
    pub full: Vec<u8>,
    /// JPEG, at most 320 pixels a side.
    pub small: Vec<u8>,
    /// Of the full one, pixels.
    pub width: u32,
    /// Likewise.
    pub height: u32,
    /// 64 bits of how it looks.
    pub look: u64,
}

/// A picture of the host, made anew.
#[derive(Debug)]
pub struct Still {
    /// JPEG, or PNG where something shows through.
    pub bytes: Vec<u8>,
    /// Whether it is a PNG.
    pub clear: bool,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

#[derive(Debug)]
struct Decoders(Arc<Semaphore>);

impl Default for Decoders {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(DECODERS)))
    }
}

async fn turn(app: &App) -> ApiResult<OwnedSemaphorePermit> {
    let waiting = Arc::clone(&app.kept::<Decoders>().0).acquire_owned();
    match tokio::time::timeout(TURN, waiting).await {
        Ok(permit) => Ok(permit.context("decoders are never closed")?),
        Err(_) => Err(ApiError::unavailable("正在处理的图片太多，请稍后自动重试。")),
    }
}

/// Runs a decoder off the event loop when its turn has come; 503 when that takes too long.
pub async fn in_turn<T: Send + 'static>(
    app: &App,
    bytes: Bytes,
    work: impl FnOnce(&[u8]) -> anyhow::Result<Result<T, Fault>> + Send + 'static,
) -> ApiResult<Result<T, Fault>> {
    let permit = turn(app).await?;
    let made = tokio::task::spawn_blocking(move || {
        let made = work(&bytes);
        drop(permit);
        made
    });
    Ok(made.await.context("a decoder failed")??)
}

/// The type by the first bytes, whatever the name says.
pub fn kind(bytes: &[u8]) -> Option<ImageFormat> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        _ => None,
    }
}

/// Makes a photo anew. Blocking, and takes up to a few hundred megabytes: see [`in_turn`].
pub fn make(bytes: &[u8]) -> anyhow::Result<Result<Made, Fault>> {
    match decode(bytes) {
        Ok((picture, turned)) => encode(&picture, turned).map(Ok),
        Err(fault) => Ok(Err(fault)),
    }
}

/// Makes a picture of the host anew, at most `side` pixels a side; what is transparent stays so. Blocking, as [`make`].
pub fn still(bytes: &[u8], side: u32) -> anyhow::Result<Result<Still, Fault>> {
    let (picture, turned) = match decode(bytes) {
        Ok(decoded) => decoded,
        Err(fault) => return Ok(Err(fault)),
    };
    let large = picture.width().max(picture.height()) > side;
    let mut picture = if large { picture.thumbnail(side, side) } else { picture };
    picture.apply_orientation(turned);
    let clear = picture.color().has_alpha() && picture.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX);
    let bytes = if clear { png(&picture)? } else { jpeg(&DynamicImage::ImageRgb8(picture.to_rgb8()))? };
    Ok(Ok(Still { bytes, clear, width: picture.width(), height: picture.height() }))
}

/// Makes the photo of a person: a square out of its middle, at most `side` pixels; of a tall one rather the upper part,
/// where the face is. Blocking, as [`make`].
pub fn portrait(bytes: &[u8], side: u32) -> anyhow::Result<Result<Vec<u8>, Fault>> {
    let (mut picture, turned) = match decode(bytes) {
        Ok(decoded) => decoded,
        Err(fault) => return Ok(Err(fault)),
    };
    picture.apply_orientation(turned);
    let (width, height) = (picture.width(), picture.height());
    let short = width.min(height);
    let square = picture.crop_imm((width - short) / 2, (height - short) / 4, short, short);
    let side = side.min(short);
    jpeg(&DynamicImage::ImageRgb8(square.thumbnail_exact(side, side).to_rgb8())).map(Ok)
}

fn decode(bytes: &[u8]) -> Result<(DynamicImage, Orientation), Fault> {
    let kind = kind(bytes).ok_or(Fault::Type)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), kind);
    reader.limits(limits);
    // Reads the header only.
    let mut decoder = reader.into_decoder().map_err(|_| Fault::Broken)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS {
        return Err(Fault::Pixels);
    }
    let turned = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(|_| Fault::Broken)?;
    Ok((picture, turned))
}

fn encode(picture: &DynamicImage, turned: Orientation) -> anyhow::Result<Made> {
    let mut full = fitted(picture, FULL);
    // Turned once it is small: turning makes a copy.
    full.apply_orientation(turned);
    let small = fitted(&full, SMALL);
    Ok(Made {
        width: full.width(),
        height: full.height(),
        look: look(&small),
        full: jpeg(&full)?,
        small: jpeg(&small)?,
    })
}

fn fitted(picture: &DynamicImage, side: u32) -> DynamicImage {
    if picture.width().max(picture.height()) <= side {
        return DynamicImage::ImageRgb8(picture.to_rgb8());
    }
    DynamicImage::ImageRgb8(picture.thumbnail(side, side).to_rgb8())
}

fn jpeg(picture: &DynamicImage) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, QUALITY)
        .encode_image(picture)
        .context("a photo was not encoded")?;
    Ok(out)
}

fn png(picture: &DynamicImage) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    let flat = DynamicImage::ImageRgba8(picture.to_rgba8());
    flat.write_with_encoder(PngEncoder::new(&mut out)).context("a picture was not encoded")?;
    Ok(out)
}

/// Whether each of 8 × 8 fields is darker than the one to its right: the same for the same picture in another size,
/// format or quality.
fn look(picture: &DynamicImage) -> u64 {
    let grey = picture.resize_exact(9, 8, FilterType::Triangle).to_luma8();
    let mut bits = 0;
    for y in 0..8 {
        for x in 0..8 {
            let darker = grey.get_pixel(x, y).0[0] < grey.get_pixel(x + 1, y).0[0];
            bits = (bits << 1) | u64::from(darker);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    fn wavy(width: u32, height: u32) -> DynamicImage {
        let shade = |x: u32, y: u32| u8::try_from((x * 97 / width * 5 + y * 53 / height * 3) % 256).unwrap();
        DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| Rgb([shade(x, y); 3])))
    }

    fn bytes(picture: &DynamicImage, kind: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        picture.write_to(&mut out, kind).unwrap();
        out.into_inner()
    }

    #[test]
    fn the_same_picture_looks_the_same_in_every_format_and_size() {
        let one = make(&bytes(&wavy(900, 600), ImageFormat::Png)).unwrap().unwrap();
        for kind in [ImageFormat::Jpeg, ImageFormat::WebP] {
            let other = make(&bytes(&wavy(450, 300), kind)).unwrap().unwrap();
            assert!((one.look ^ other.look).count_ones() <= 6, "{kind:?}");
        }
        assert_eq!(kind(&one.full), Some(ImageFormat::Jpeg));
    }

    #[test]
    fn what_is_no_photo_is_told_apart() {
        assert_eq!(make(b"<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap().err(), Some(Fault::Type));
        assert_eq!(make(b"GIF89a\x01\x00\x01\x00").unwrap().err(), Some(Fault::Type));
        let whole = bytes(&wavy(64, 64), ImageFormat::Png);
        assert_eq!(make(&whole[..40]).unwrap().err(), Some(Fault::Broken));
    }

    #[test]
    fn a_still_keeps_what_shows_through_and_nothing_else_of_a_png() {
        let clear = RgbaImage::from_fn(80, 40, |x, _| Rgba([200, 20, 20, if x < 40 { 0 } else { 255 }]));
        let made = still(&bytes(&DynamicImage::ImageRgba8(clear), ImageFormat::Png), 60).unwrap().unwrap();
        assert_eq!((made.clear, made.width, made.height), (true, 60, 30));
        assert_eq!(kind(&made.bytes), Some(ImageFormat::Png));
        let full = RgbaImage::from_pixel(80, 40, Rgba([9, 9, 9, 255]));
        let made = still(&bytes(&DynamicImage::ImageRgba8(full), ImageFormat::Png), 200).unwrap().unwrap();
        assert_eq!((made.clear, made.width, kind(&made.bytes)), (false, 80, Some(ImageFormat::Jpeg)));
        assert_eq!(still(b"<svg/>", 60).unwrap().err(), Some(Fault::Type));
    }

    #[test]
    fn a_portrait_is_a_square_of_the_middle() {
        let bands =
            RgbImage::from_fn(900, 300, |x, _| Rgb([if (300..600).contains(&x) { 250 } else { 0 }; 3]));
        let made = portrait(&bytes(&DynamicImage::ImageRgb8(bands), ImageFormat::Png), 100).unwrap().unwrap();
        let made = image::load_from_memory(&made).unwrap().to_luma8();
        assert_eq!((made.width(), made.height()), (100, 100));
        assert!(made.get_pixel(3, 50).0[0] > 200 && made.get_pixel(96, 50).0[0] > 200);
        assert_eq!(portrait(b"<svg/>", 100).unwrap().err(), Some(Fault::Type));
        let small = portrait(&bytes(&wavy(40, 60), ImageFormat::Png), 512).unwrap().unwrap();
        assert_eq!(image::load_from_memory(&small).unwrap().width(), 40, "never blown up");
    }

    #[test]
    fn large_ones_are_made_smaller() {
        let made = make(&bytes(&wavy(4_000, 1_000), ImageFormat::Jpeg)).unwrap().unwrap();
        assert_eq!((made.width, made.height), (2_560, 640));
    }
}

#[cfg(test)]
mod hostile {
    use std::{io::Cursor, sync::LazyLock};

    use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
    use proptest::prelude::*;

    use super::{FULL, Fault, kind, make};
    use crate::hostile::{cases, damaged, quickly};

    static PHOTOS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let shade = |x: u32, y: u32| u8::try_from((x * 7 + y * 13) % 256).unwrap();
        let picture = DynamicImage::ImageRgb8(RgbImage::from_fn(48, 40, |x, y| Rgb([shade(x, y); 3])));
        let bytes = |kind| {
            let mut out = Cursor::new(Vec::new());
            picture.write_to(&mut out, kind).unwrap();
            out.into_inner()
        };
        [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP].map(bytes).to_vec()
    });

    fn crc(bytes: &[u8]) -> u32 {
        let step = |crc: u32, byte: &u8| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
        };
        !bytes.iter().fold(u32::MAX, step)
    }

    /// A small PNG that says it is of this size, with a header that is in itself right.
    fn says(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = PHOTOS[1].clone();
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let sum = crc(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    #[test]
    fn the_header_is_judged_before_anything_is_decoded() {
        assert!(make(&says(48, 40)).unwrap().is_ok(), "the sum is right");
        for (width, height) in
            [(20_000, 20_000), (0x7fff_ffff, 1), (0x7fff_ffff, 0x7fff_ffff), (1, 25_000_001)]
        {
            let fault = quickly(|| make(&says(width, height)).unwrap().err());
            assert!(matches!(fault, Some(Fault::Pixels | Fault::Broken)), "{width} x {height}: {fault:?}");
        }
        assert_eq!(make(&says(20_000, 20_000)).unwrap().err(), Some(Fault::Pixels));
    }

    proptest! {
        #![proptest_config(cases(300))]

        #[test]
        fn a_photo_is_made_anew_or_refused(bytes in damaged(PHOTOS.clone())) {
            if let Ok(made) = quickly(|| make(&bytes)).unwrap() {
                prop_assert!(made.width.max(made.height) <= FULL);
                prop_assert_eq!(kind(&made.full), Some(ImageFormat::Jpeg));
                prop_assert_eq!(kind(&made.small), Some(ImageFormat::Jpeg));
            }
        }
    }
}
