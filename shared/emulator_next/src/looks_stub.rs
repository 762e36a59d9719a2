//! Stand-in.
pub(crate) struct EditRequest<'a> { pub prompt: &'a str, pub seed: u64, pub guidance_scale: f64, pub aspect_ratio: Option<&'a str> }
pub(crate) fn edit(picture: image::DynamicImage, request: &EditRequest<'_>) -> image::DynamicImage {
    let _ = (request.prompt, request.guidance_scale, request.aspect_ratio);
    picture.huerotate(i32::try_from(request.seed % 300).unwrap() + 30)
}
pub(crate) fn from_text(request: &EditRequest<'_>) -> image::DynamicImage {
    image::DynamicImage::ImageRgb8(image::RgbImage::from_pixel(64, 64, image::Rgb([(request.seed % 256) as u8, 1, 2])))
}
