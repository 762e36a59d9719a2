//! How AWS refuses a call that the role does not allow.

use axum::http::{HeaderMap, HeaderValue, header};

use super::policy::Need;

/// Status, headers and body in the protocol of the service.
pub(super) fn denial(function: &str, need: &Need) -> (u16, HeaderMap, String) {
    let text = format!(
        "User: arn:aws:sts::000000000000:assumed-role/fluxgate-{function}/fluxgate-{function} is \
         not authorized to perform: {} on resource: {} because no identity-based policy allows \
         the {} action",
        need.action, need.resource, need.action
    );
    let (service, _) = need.action.split_once(':').unwrap_or_default();
    let code = match service {
        "s3" | "sts" => "AccessDenied",
        _ => "AccessDeniedException",
    };
    answer(service, code, &text)
}

/// An error in the protocol of the service.
pub(super) fn answer(service: &str, code: &str, text: &str) -> (u16, HeaderMap, String) {
    let (status, kind, body) = match service {
        "s3" => {
            let error = format!("<Error><Code>{code}</Code><Message>{text}</Message></Error>");
            (403, "application/xml", error)
        }
        "sts" => {
            let error = format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
                 <Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>\
                 <RequestId>denied</RequestId></ErrorResponse>"
            );
            (403, "text/xml", error)
        }
        _ => {
            let error = serde_json::json!({ "__type": code, "message": text });
            (400, "application/x-amz-json-1.0", error.to_string())
        }
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    (status, headers, body)
}
