//! A line for each event: its own fields, and those of the spans that it happened in.

use std::cell::RefCell;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::fields::{Fields, quoted};

const MESSAGE: &str = "message";
/// A line of memory that is kept for the next one; a longer one is given back.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: time, level, message, fields; of two of the same name the event's own, else the
    /// inner span's.
    Text {
        /// Whether the level has a colour.
        is_coloured: bool,
    },
    /// For programs: `{"timestamp", "level", "message", …, "target", "span": {…}}`. What the event
    /// says is beside its message. `span` has the fields of all spans around the event, of two of
    /// the same name the inner one's.
    Json {
        /// Without one where whoever collects the lines adds it.
        has_time: bool,
    },
}

/// Writes each event that its subscriber lets through as one line.
pub struct LogLines<W> {
    format: LogFormat,
    write: W,
}

impl<W> LogLines<W>
where
    W: Fn(&[u8]) + Send + Sync + 'static,
{
    /// `write` gets whole lines.
    pub fn new(format: LogFormat, write: W) -> Self {
        Self { format, write }
    }
}

impl<S, W> Layer<S> for LogLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&[u8]) + Send + Sync + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut fields = Fields::of_span();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        thread_local! {
            static LINE: RefCell<(String, Fields)> = RefCell::default();
        }
        LINE.with(|line| {
            // A value that logs while it is formatted is not logged: its line is being made.
            let Ok(mut line) = line.try_borrow_mut() else {
                return;
            };
            let (line, fields) = &mut *line;
            line.clear();
            fields.clear();
            event.record(fields);
            let spans = context.event_scope(event);
            // The innermost first.
            let spans: Vec<SpanRef<'_, S>> = spans.into_iter().flatten().collect();
            match self.format {
                LogFormat::Json { has_time } => {
                    json(line, event.metadata(), (fields, &spans), has_time);
                }
                LogFormat::Text { is_coloured } => {
                    text(line, event.metadata(), (fields, &spans), is_coloured);
                }
            }
            line.push('\n');
            (self.write)(line.as_bytes());
            if line.capacity() > KEPT_BYTES_MAX {
                *line = String::new();
            }
        });
    }
}

/// A line as [`LogFormat::Json`] has it, without its end, for what is told whatever is logged.
pub fn json_line(level: Level, target: &str, message: &str) -> String {
    let mut line = String::from("{\"timestamp\":\"");
    push_time(&mut line);
    line.extend(["\",\"level\":\"", level.as_str(), "\",\"message\":"]);
    quoted(&mut line, &message);
    line.extend([",\"target\":\"", target, "\"}"]);
    line
}

fn json<'a, S: LookupSpan<'a>>(
    line: &mut String,
    metadata: &Metadata<'_>,
    (fields, spans): (&Fields, &[SpanRef<'a, S>]),
    has_time: bool,
) {
    line.push('{');
    if has_time {
        line.push_str("\"timestamp\":\"");
        push_time(line);
        line.push_str("\",");
    }
    line.push_str("\"level\":\"");
    line.push_str(metadata.level().as_str());
    line.push('"');
    let mut comma = Comma { is_due: true };
    for (name, value) in fields.iter() {
        comma.pair(line, name, value);
    }
    line.push_str(",\"target\":\"");
    line.push_str(metadata.target());
    line.push('"');
    if let Some(innermost) = spans.first() {
        line.push_str(",\"span\":{");
        let mut comma = Comma::default();
        each_once(spans, |name, value| comma.pair(line, name, value));
        comma.pair(line, "name", "\"");
        line.push_str(innermost.name());
        line.push_str("\"}");
    }
    line.push('}');
}

fn text<'a, S: LookupSpan<'a>>(
    line: &mut String,
    metadata: &Metadata<'_>,
    (fields, spans): (&Fields, &[SpanRef<'a, S>]),
    is_coloured: bool,
) {
    push_time(line);
    let level = metadata.level();
    let colour = match *level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        _ => "34",
    };
    if is_coloured {
        line.extend([" \x1b[", colour, "m"]);
    } else {
        line.push(' ');
    }
    line.extend([
        if level.as_str().len() < 5 { " " } else { "" },
        level.as_str(),
    ]);
    line.push_str(if is_coloured { "\x1b[0m " } else { " " });
    let mut own = fields.iter();
    if let Some((_, message)) = own.find(|(name, _)| *name == MESSAGE) {
        line.push_str(unquoted(message));
    }
    let mut pair = |name: &str, value: &str| line.extend([" ", name, "=", value]);
    for (name, value) in fields.iter().filter(|(name, _)| *name != MESSAGE) {
        pair(name, bare(value));
    }
    each_once(spans, |name, value| {
        if !fields.has(name) {
            pair(name, bare(value));
        }
    });
}

/// Every field of these spans, of the inner one where two have it.
fn each_once<'a, S: LookupSpan<'a>>(
    spans: &[SpanRef<'a, S>],
    mut tell: impl FnMut(&'static str, &str),
) {
    let mut told: Vec<&'static str> = Vec::new();
    for span in spans {
        let extensions = span.extensions();
        for (name, value) in extensions
            .get::<Fields>()
            .into_iter()
            .flat_map(Fields::iter)
        {
            if !told.contains(&name) {
                told.push(name);
                tell(name, value);
            }
        }
    }
}

/// A string that is one word needs no quotes.
fn bare(value: &str) -> &str {
    let inside = unquoted(value);
    if inside.is_empty() || inside.contains([' ', '"', '\\', '=']) {
        return value;
    }
    inside
}

fn unquoted(value: &str) -> &str {
    let inside = value.strip_prefix('"');
    inside
        .and_then(|inside| inside.strip_suffix('"'))
        .unwrap_or(value)
}

fn push_time(line: &mut String) {
    // A clock before 1970 leaves the time out.
    let _ = SystemTime.format_time(&mut Writer::new(line));
}

/// What stands between two members of an object.
#[derive(Default)]
struct Comma {
    is_due: bool,
}

impl Comma {
    fn pair(&mut self, line: &mut String, name: &str, value: &str) {
        line.extend([if self.is_due { ",\"" } else { "\"" }, name, "\":", value]);
        self.is_due = true;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn logged(format: LogFormat, log: impl FnOnce()) -> String {
        let written = Arc::new(Mutex::new(Vec::new()));
        let to = written.clone();
        let lines = LogLines::new(format, move |line: &[u8]| {
            to.lock().unwrap().extend_from_slice(line);
        });
        with_default(tracing_subscriber::registry().with(lines), log);
        let written = written.lock().unwrap();
        String::from_utf8(written.clone()).unwrap()
    }

    fn work() {
        let request = tracing::error_span!(
            "request",
            http.path = "/v1/\"tasks\"",
            request.id = "r\u{7}\n",
            task.id = tracing::field::Empty
        );
        let _request = request.enter();
        request.record("task.id", "first");
        request.record("task.id", "second");
        let _task = tracing::error_span!("task", request.id = "inner").entered();
        tracing::warn!(status = 500, ok = false, error = ?Some("a b"), "it \\ failed");
    }

    #[test]
    fn a_line_has_the_fields_of_all_spans_around_it_and_each_of_them_once() {
        let line = logged(LogFormat::Json { has_time: true }, work);

        let mut line: Value = serde_json::from_str(&line).unwrap();
        assert!(line["timestamp"].take().as_str().unwrap().ends_with('Z'));
        assert_eq!(
            line,
            json!({
                "timestamp": null,
                "level": "WARN",
                "message": "it \\ failed",
                "status": 500,
                "ok": false,
                "error": "Some(\"a b\")",
                "target": "fluxgate_logging::lines::tests",
                "span": {
                    "request.id": "inner", "http.path": "/v1/\"tasks\"", "task.id": "second",
                    "name": "task",
                },
            })
        );
    }

    #[test]
    fn what_a_client_sent_cannot_end_a_line() {
        for format in [
            LogFormat::Json { has_time: false },
            LogFormat::Text { is_coloured: false },
        ] {
            let lines = logged(format, || {
                tracing::info!(from.client = "a\nb\u{1b}[31m\r\"}", "m");
                tracing::info!(
                    from.client = "\u{9b}31m\u{85}\u{2028}\u{202e}\u{2003}x=1",
                    "m"
                );
            });

            assert_eq!(lines.split('\n').count(), 3, "{lines}");
            let is_plain = |c: char| matches!(c, '\n' | ' '..='~');
            assert!(lines.chars().all(is_plain), "{lines:?}");
        }
    }

    #[test]
    fn text_has_what_the_event_and_its_span_both_say_once() {
        let line = logged(LogFormat::Text { is_coloured: false }, || {
            let _job = tracing::error_span!("job", tenant.id = "acme", lane = "watch").entered();
            tracing::info!(tenant.id = "other", "told");
        });

        let (_, rest) = line.split_once(' ').unwrap();
        assert_eq!(rest, " INFO told tenant.id=other lane=watch\n");
    }

    #[test]
    fn text_is_time_level_message_and_fields() {
        let line = logged(LogFormat::Text { is_coloured: false }, work);

        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.ends_with('Z'));
        assert_eq!(
            rest,
            " WARN it \\\\ failed status=500 ok=false error=\"Some(\\\"a b\\\")\" request.id=inner \
             http.path=\"/v1/\\\"tasks\\\"\" task.id=second\n"
        );
    }
}
