//! The properties of the looks, on a small synthetic scene; whether they look good is for people to
//! judge.

use super::filter::Filter;
use super::{EditRequest, edit, from_text};
use image::{DynamicImage, GenericImageView, Rgb, RgbImage, Rgba, RgbaImage};

const FILTERS: [(&str, Filter); 11] = [
    ("a watercolour of it", Filter::Watercolour),
    ("a pencil sketch", Filter::Sketch),
    ("black and white", Filter::Monochrome),
    ("pixel art", Filter::PixelArt),
    ("sepia", Filter::Sepia),
    ("a woodcut", Filter::Woodcut),
    ("an oil painting", Filter::Oil),
    ("a cartoon", Filter::Cartoon),
    ("dreamy", Filter::Blur),
    ("a negative", Filter::Negative),
    ("put a hat on the cat", Filter::Tone),
];

/// Looks without chance in them.
const UNSEEDED: [Filter; 3] = [Filter::Cartoon, Filter::Blur, Filter::Negative];

fn scene(width: u32, height: u32) -> DynamicImage {
    let pixel = |x: u32, y: u32| {
        let round = (x as f32 - width as f32 / 2.0).hypot(y as f32 - height as f32 / 2.0)
            < height as f32 / 3.0;
        if round {
            Rgb([200, 60, 40])
        } else {
            Rgb([(x * 255 / width) as u8, 120, (y * 255 / height) as u8])
        }
    };
    RgbImage::from_fn(width, height, pixel).into()
}

fn request(prompt: &str, seed: u64) -> EditRequest<'_> {
    EditRequest {
        prompt,
        seed,
        guidance_scale: 3.5,
        aspect_ratio: None,
    }
}

fn difference(one: &DynamicImage, other: &DynamicImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let (one, other) = (one.to_rgb8().into_raw(), other.to_rgb8().into_raw());
    one.iter()
        .zip(&other)
        .map(|(a, b)| f64::from(a.abs_diff(*b)))
        .sum::<f64>()
        / one.len() as f64
}

#[test]
fn each_keyword_picks_its_filter() {
    let prompts = [
        (
            Filter::Watercolour,
            ["WATERCOLOR", "Watercolour!", "an aquarelle", "water-colour"],
        ),
        (
            Filter::Sketch,
            ["sketchy", "in pencil", "a drawing", "charcoal"],
        ),
        (
            Filter::Monochrome,
            ["black-and-white", "monochrome", "grayscale", "film noir"],
        ),
        (
            Filter::PixelArt,
            ["pixel art", "pixel-art", "8-bit", "an 8 bit game"],
        ),
        (
            Filter::Sepia,
            ["sepia", "Vintage", "an old photo", "old  photograph"],
        ),
        (
            Filter::Woodcut,
            ["woodcut", "linocut", "an engraving", "woodcuts"],
        ),
        (
            Filter::Oil,
            ["oil painting", "impasto", "by Van Gogh", "oil paintings"],
        ),
        (
            Filter::Cartoon,
            ["cartoonish", "a comic", "anime", "comics"],
        ),
        (Filter::Blur, ["blur", "blurry", "dreamy", "blurred"]),
        (
            Filter::Negative,
            ["negative", "invert", "inverted", "a film negative"],
        ),
        (
            Filter::Tone,
            ["", "by Renoir", "economical", "make it sunset"],
        ),
    ];

    for (filter, words) in prompts {
        for prompt in words {
            assert_eq!(Filter::of_prompt(prompt), filter, "{prompt}");
        }
    }
}

#[test]
fn the_first_filter_in_the_list_wins() {
    assert_eq!(
        Filter::of_prompt("black and white pencil sketch"),
        Filter::Sketch
    );
    assert_eq!(Filter::of_prompt("a vintage comic"), Filter::Sepia);
}

#[test]
fn every_filter_changes_the_picture_and_keeps_its_size() {
    let grey: DynamicImage = RgbImage::from_pixel(90, 60, Rgb([128, 128, 128])).into();
    for (prompt, filter) in FILTERS {
        assert_eq!(Filter::of_prompt(prompt), filter);
        for guidance_scale in [1.0, 3.5, 20.0] {
            let request = EditRequest {
                guidance_scale,
                ..request(prompt, 7)
            };
            let changed = difference(&edit(scene(90, 60), &request), &scene(90, 60));
            assert!(
                changed > 2.0,
                "{filter:?} at {guidance_scale} changed the scene by {changed} only"
            );
        }
        let changed = difference(&edit(grey.clone(), &request(prompt, 7)), &grey);
        assert!(
            changed > 0.5,
            "{filter:?} changed plain grey by {changed} only"
        );
    }
}

#[test]
fn the_same_request_gives_the_same_picture() {
    for (prompt, filter) in FILTERS {
        let once = edit(scene(60, 40), &request(prompt, 7));
        let again = edit(scene(60, 40), &request(prompt, 7));

        assert_eq!(once, again, "{filter:?}");
    }
}

#[test]
fn another_seed_changes_the_filters_that_have_chance_in_them() {
    for (prompt, filter) in FILTERS {
        let changed = difference(
            &edit(scene(90, 60), &request(prompt, 7)),
            &edit(scene(90, 60), &request(prompt, 8)),
        );

        assert_eq!(
            changed > 0.0,
            !UNSEEDED.contains(&filter),
            "{filter:?} changed by {changed}"
        );
    }
}

#[test]
fn a_stronger_guidance_goes_farther_from_the_original() {
    for (prompt, filter) in FILTERS {
        let strengths = [1.0, 3.5].map(|guidance_scale| {
            difference(
                &edit(
                    scene(60, 40),
                    &EditRequest {
                        guidance_scale,
                        ..request(prompt, 7)
                    },
                ),
                &scene(60, 40),
            )
        });

        assert!(strengths[0] < strengths[1], "{filter:?}: {strengths:?}");
    }
}

#[test]
fn an_aspect_ratio_crops_the_middle() {
    let sizes = [
        ("1:1", 60, 60),
        ("16:9", 90, 51),
        ("9:16", 34, 60),
        ("3:2", 90, 60),
        ("21:9", 90, 39),
    ];
    for (ratio, width, height) in sizes {
        let request = EditRequest {
            aspect_ratio: Some(ratio),
            ..request("negative", 7)
        };
        let answer = edit(scene(90, 60), &request);

        let middle = scene(90, 60).crop_imm((90 - width) / 2, (60 - height) / 2, width, height);
        assert_eq!(
            answer,
            edit(middle, &self::request("negative", 7)),
            "{ratio}"
        );
        assert_eq!(answer.dimensions(), (width, height), "{ratio}");
    }
}

#[test]
fn what_is_no_ratio_keeps_the_shape() {
    for ratio in [
        "",
        "match_input_image",
        "16",
        "0:1",
        "-1:1",
        "1:0",
        "NaN:1",
        "inf:1",
        "1:2:3",
    ] {
        let request = EditRequest {
            aspect_ratio: Some(ratio),
            ..request("negative", 7)
        };

        assert_eq!(
            edit(scene(90, 60), &request).dimensions(),
            (90, 60),
            "{ratio}"
        );
    }
}

#[test]
fn a_large_picture_is_worked_on_at_1536_pixels() {
    let answer = edit(scene(2000, 100), &request("negative", 7));

    assert_eq!(answer.dimensions(), (1536, 77));
}

#[test]
fn tiny_and_narrow_pictures_get_every_filter() {
    for (width, height) in [(1, 1), (3, 2), (2, 3), (1, 40), (40, 1)] {
        for (prompt, filter) in FILTERS {
            let answer = edit(scene(width, height), &request(prompt, 7));

            assert_eq!(answer.dimensions(), (width, height), "{filter:?}");
        }
    }
}

#[test]
fn odd_numbers_in_a_request_do_no_harm() {
    for guidance_scale in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -3.0, 0.0, 1e9] {
        let request = EditRequest {
            guidance_scale,
            aspect_ratio: Some("1e300:1"),
            ..request("sepia", u64::MAX)
        };

        assert_eq!(edit(scene(30, 20), &request).dimensions(), (30, 1));
    }
}

#[test]
fn transparency_becomes_white() {
    let glass: DynamicImage = RgbaImage::from_pixel(4, 4, Rgba([9, 9, 9, 0])).into();

    assert_eq!(
        edit(glass, &request("negative", 7))
            .to_rgb8()
            .get_pixel(0, 0),
        &Rgb([0, 0, 0])
    );
}

#[test]
fn a_picture_from_text_has_the_asked_shape() {
    let sizes = [
        (None, (1024, 1024)),
        (Some("16:9"), (1024, 576)),
        (Some("1:2"), (512, 1024)),
        (Some("64:1"), (1024, 16)),
    ];
    for (aspect_ratio, size) in sizes.into_iter().skip(1) {
        let request = EditRequest {
            aspect_ratio,
            ..request("a fox", 7)
        };

        assert_eq!(from_text(&request).dimensions(), size);
    }
    assert_eq!(super::frame::size_for_text(sizes[0].0), (1024, 1024));
}

#[test]
fn a_picture_from_text_depends_on_words_and_seed_only() {
    let thin = |prompt, seed| {
        from_text(&EditRequest {
            aspect_ratio: Some("32:1"),
            ..request(prompt, seed)
        })
    };

    let fox = thin("a fox", 7);

    assert_eq!(fox, thin("a fox", 7));
    assert!(difference(&fox, &thin("a fox", 8)) > 5.0);
    assert!(difference(&fox, &thin("a hare", 7)) > 5.0);
}
