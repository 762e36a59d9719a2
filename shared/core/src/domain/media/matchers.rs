//! Matchers for formats that `infer` does not know, or confuses with others.

/// Brands of pictures in the container format also used by videos (ISO/IEC 23008-12); `infer` knows
/// some of them.
const HEIF_BRANDS: [&[u8]; 9] = [
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1",
];
/// Maximum size of a safetensors header, according to the format's own reader.
const SAFETENSORS_HEADER_BYTES_MAX: u64 = 100_000_000;

/// An eight-byte length, then a JSON object.
pub(super) fn is_safetensors(head: &[u8]) -> bool {
    let Some((length, rest)) = head.split_first_chunk::<8>() else {
        return false;
    };
    (2..=SAFETENSORS_HEADER_BYTES_MAX).contains(&u64::from_le_bytes(*length))
        && rest.first() == Some(&b'{')
}

/// Khronos glTF 2.0, section 4.4: the magic number, then the version.
pub(super) fn is_glb(head: &[u8]) -> bool {
    head.strip_prefix(b"glTF")
        .and_then(|rest| rest.first_chunk::<4>())
        .is_some_and(|version| version[1..] == [0; 3])
}

/// A frame header (ISO/IEC 11172-3, section 2.4.2.3): the sync word, layer III, and no reserved
/// version, bitrate or sampling rate.
pub(super) fn is_mpeg_layer_3(head: &[u8]) -> bool {
    let &[0xff, version, rates, ..] = head else {
        return false;
    };
    let is_sync = version & 0xe0 == 0xe0;
    let is_version = version & 0x18 != 0x08;
    let is_layer_3 = version & 0x06 == 0x02;
    is_sync && is_version && is_layer_3 && rates & 0xf0 != 0xf0 && rates & 0x0c != 0x0c
}

pub(super) fn is_heif(head: &[u8]) -> bool {
    brand(head).is_some_and(|brand| HEIF_BRANDS.contains(&brand)) && !infer::image::is_avif(head)
}

/// Any brand that `infer` does not know as something else: new ones appear every year.
pub(super) fn is_other_iso_media(head: &[u8]) -> bool {
    brand(head).is_some() && infer::get(head).is_none()
}

/// The major brand of an ISO base media file (ISO/IEC 14496-12, section 4.3).
fn brand(head: &[u8]) -> Option<&[u8]> {
    (head.get(4..8)? == b"ftyp")
        .then(|| head.get(8..12))
        .flatten()
}

/// UTF-8 without the control characters that the WHATWG classifies as binary (MIME Sniffing,
/// section 3). The end may be cut within a character.
pub(super) fn is_text(head: &[u8], is_cut: bool) -> bool {
    let is_binary = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => is_cut && error.error_len().is_none(),
    };
    !head.is_empty() && is_utf8 && !head.iter().any(is_binary)
}

pub(super) fn without_bom(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)
}

/// A tag, comment or declaration: anything that a browser may treat as a page.
pub(super) fn is_markup(head: &[u8]) -> bool {
    let head = without_bom(head).trim_ascii_start();
    matches!(head, [b'<', b'!' | b'?' | b'/', ..])
        || matches!(head, [b'<', letter, ..] if letter.is_ascii_alphabetic())
}

/// An SVG document; its root may come after declarations and comments.
pub(super) fn is_svg(head: &[u8]) -> bool {
    let mut rest = without_bom(head).trim_ascii_start();
    while let Some(end) = prologue_end(rest) {
        rest = rest[end..].trim_ascii_start();
    }
    let root = rest
        .strip_prefix(b"<svg:svg")
        .or_else(|| rest.strip_prefix(b"<svg"));
    root.and_then(<[u8]>::first)
        .is_some_and(|next| next.is_ascii_whitespace() || matches!(next, b'>' | b'/'))
}

/// The length of the declaration, comment or document type at the start of `text`.
fn prologue_end(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"<?") {
        return find(text, b"?>");
    }
    if text.starts_with(b"<!--") {
        return find(text, b"-->");
    }
    let is_doctype = text
        .get(..13)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"<!doctype svg"));
    let (plain, subset) = (
        find(text, b">")?,
        text.iter().position(|byte| *byte == b'['),
    );
    // An internal subset contains declarations of its own.
    let end = if subset.is_some_and(|subset| subset < plain) {
        find(text, b"]>")?
    } else {
        plain
    };
    is_doctype.then_some(end)
}

/// The end of the first occurrence of `needle`.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len())
        .position(|window| window == needle)
        .map(|start| start + needle.len())
}
