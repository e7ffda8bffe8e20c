//! The pages' files, embedded: shells of HTML, styles, scripts. Knows no figures; the scripts fetch those.

use crate::respond::{Body, full};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Empty};
use xxhash_rust::xxh3::xxh3_64;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Which page; its HTML is the same for every subject but for the title and the name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    Overview,
    Dashboard,
    Table,
    Functions,
    Function,
    Trigger,
    Schedules,
    Buckets,
    Bucket,
    Exports,
    Execution,
}

/// The parts of the console, as the head of its pages lists them: where they are, and which shells belong to them.
const PARTS: [(&str, &str, &[Shell]); 5] = [
    ("Overview", "/", &[Shell::Overview, Shell::Table]),
    ("Functions", "/functions", &[Shell::Functions, Shell::Function, Shell::Trigger]),
    ("Schedules", "/schedules", &[Shell::Schedules]),
    ("Buckets", "/buckets", &[Shell::Buckets, Shell::Bucket]),
    ("Exports", "/exports", &[Shell::Exports, Shell::Execution]),
];

impl Shell {
    /// What stands in its frame; its script goes by the same name. The dashboard, for the wall, is a page of its own.
    fn html(self) -> &'static str {
        match self {
            Shell::Overview => include_str!("../pages/overview.html"),
            Shell::Dashboard => include_str!("../pages/dashboard.html"),
            Shell::Table => include_str!("../pages/table.html"),
            Shell::Functions => include_str!("../pages/functions.html"),
            Shell::Function => include_str!("../pages/function.html"),
            Shell::Trigger => include_str!("../pages/trigger.html"),
            Shell::Schedules => include_str!("../pages/schedules.html"),
            Shell::Buckets => include_str!("../pages/buckets.html"),
            Shell::Bucket => include_str!("../pages/bucket.html"),
            Shell::Exports => include_str!("../pages/exports.html"),
            Shell::Execution => include_str!("../pages/execution.html"),
        }
    }

    /// The script's name; none: the page brings its own frame.
    fn script(self) -> Option<&'static str> {
        match self {
            Shell::Dashboard => None,
            Shell::Overview => Some("overview.js"),
            Shell::Table => Some("table.js"),
            Shell::Functions => Some("functions.js"),
            Shell::Function => Some("function.js"),
            Shell::Trigger => Some("trigger.js"),
            Shell::Schedules => Some("schedules.js"),
            Shell::Buckets => Some("buckets.js"),
            Shell::Bucket => Some("bucket.js"),
            Shell::Exports => Some("exports.js"),
            Shell::Execution => Some("execution.js"),
        }
    }

    /// Links to the parts of the console.
    fn parts(self) -> String {
        let link = |(name, href, shells): &(&str, &str, &[Shell])| {
            let here = if shells.contains(&self) { " aria-current=\"page\"" } else { "" };
            format!("<a href=\"{href}\"{here}>{name}</a>")
        };
        PARTS.iter().map(link).collect()
    }
}

struct Asset {
    name: &'static str,
    content_type: &'static str,
    body: Bytes,
    etag: String,
}

/// All files, with their ETags.
pub struct Pages {
    assets: Vec<Asset>,
    version: String,
}

impl Pages {
    pub fn new(version: &str) -> Pages {
        let files = [
            ("favicon.svg", "image/svg+xml", include_str!("../pages/favicon.svg")),
            ("base.css", CSS, include_str!("../pages/base.css")),
            ("dashboard.css", CSS, include_str!("../pages/dashboard.css")),
            ("console.css", CSS, include_str!("../pages/console.css")),
            ("theme.js", SCRIPT, include_str!("../pages/theme.js")),
            ("live.js", SCRIPT, include_str!("../pages/live.js")),
            ("format.js", SCRIPT, include_str!("../pages/format.js")),
            ("indexes.js", SCRIPT, include_str!("../pages/indexes.js")),
            ("rows.js", SCRIPT, include_str!("../pages/rows.js")),
            ("act.js", SCRIPT, include_str!("../pages/act.js")),
            ("chart.js", SCRIPT, include_str!("../pages/chart.js")),
            ("log.js", SCRIPT, include_str!("../pages/log.js")),
            ("functions.js", SCRIPT, include_str!("../pages/functions.js")),
            ("function.js", SCRIPT, include_str!("../pages/function.js")),
            ("trigger.js", SCRIPT, include_str!("../pages/trigger.js")),
            ("buckets.js", SCRIPT, include_str!("../pages/buckets.js")),
            ("bucket.js", SCRIPT, include_str!("../pages/bucket.js")),
            ("schedules.js", SCRIPT, include_str!("../pages/schedules.js")),
            ("executions.js", SCRIPT, include_str!("../pages/executions.js")),
            ("exports.js", SCRIPT, include_str!("../pages/exports.js")),
            ("execution.js", SCRIPT, include_str!("../pages/execution.js")),
            ("exports.css", CSS, include_str!("../pages/exports.css")),
            ("functions.css", CSS, include_str!("../pages/functions.css")),
            ("spark.js", SCRIPT, include_str!("../pages/spark.js")),
            ("dashboard.js", SCRIPT, include_str!("../pages/dashboard.js")),
            ("overview.js", SCRIPT, include_str!("../pages/overview.js")),
            ("table.js", SCRIPT, include_str!("../pages/table.js")),
        ];
        let assets = files.map(|(name, content_type, text)| Asset {
            name,
            content_type,
            body: Bytes::from_static(text.as_bytes()),
            etag: etag(text.as_bytes()),
        });
        Pages { assets: assets.into(), version: version.to_owned() }
    }

    pub fn asset(&self, parts: &Parts, name: &str) -> Response<Body> {
        match self.assets.iter().find(|asset| asset.name == name) {
            Some(asset) => tagged(parts, asset.content_type, asset.body.clone(), &asset.etag),
            None => self.missing("There is no such file."),
        }
    }

    /// A page about `name`, titled `title`; both may hold any text.
    pub fn shell(&self, parts: &Parts, shell: Shell, title: &str, name: &str) -> Response<Body> {
        let body = self.page(shell, title, name);
        let tag = etag(body.as_bytes());
        tagged(parts, HTML, Bytes::from(body), &tag)
    }

    fn page(&self, shell: Shell, title: &str, name: &str) -> String {
        let main = self.filled(shell.html(), &[("title", title), ("name", name)]);
        let Some(script) = shell.script() else { return main };
        let frame = include_str!("../pages/frame.html");
        let (before, after) = frame.split_once("{{main}}").expect("the frame has a place for a page");
        let filled = |part: &str| {
            let part = part.replace("{{parts}}", &shell.parts()).replace("{{script}}", script);
            self.filled(&part, &[("title", title), ("name", name)])
        };
        filled(before) + &main + &filled(after)
    }

    /// The friendly 404; `what` says what is not there.
    pub fn missing(&self, what: &str) -> Response<Body> {
        let body = self.filled(include_str!("../pages/missing.html"), &[("title", what)]);
        full(StatusCode::NOT_FOUND, HTML, Bytes::from(body))
    }

    fn filled(&self, html: &str, values: &[(&str, &str)]) -> String {
        // One pass over the template: a title that looks like a placeholder is text.
        let mut out = String::with_capacity(html.len() + 256);
        let mut rest = html;
        while let Some((before, after)) = rest.split_once("{{") {
            let (placeholder, after) = after.split_once("}}").expect("embedded pages close their placeholders");
            let given = values.iter().find(|(name, _)| *name == placeholder).map(|(_, value)| *value);
            let value = given.or((placeholder == "version").then_some(self.version.as_str()));
            out.push_str(before);
            out.push_str(&escaped(value.expect("an embedded page asks for what it gets")));
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

fn etag(bytes: &[u8]) -> String {
    format!("\"{:016x}\"", xxh3_64(bytes))
}

fn tagged(parts: &Parts, content_type: &'static str, body: Bytes, etag: &str) -> Response<Body> {
    let known = parts.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = full(StatusCode::OK, content_type, body);
    let value = HeaderValue::from_str(etag).expect("an ETag is hex digits in quotes");
    response.headers_mut().insert(header::ETAG, value);
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_LENGTH);
        return response.map(|_| Empty::new().boxed_unsync());
    }
    response
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_markup_or_a_placeholder() {
        let pages = Pages::new("1.0");
        let filled = pages.filled("<title>{{title}}</title><p>{{version}}</p>", &[("title", "<b>\"{{version}}'&")]);
        assert_eq!(filled, "<title>&lt;b&gt;&quot;{{version}}&#39;&amp;</title><p>1.0</p>");
    }

    const SHELLS: [Shell; 9] = [
        Shell::Overview,
        Shell::Dashboard,
        Shell::Table,
        Shell::Functions,
        Shell::Function,
        Shell::Trigger,
        Shell::Schedules,
        Shell::Exports,
        Shell::Execution,
    ];

    #[test]
    fn every_embedded_page_fills_and_loads_only_files_that_are_there() {
        let pages = Pages::new("1.0");
        let shells = SHELLS.map(|shell| pages.page(shell, "Votes", "votes"));
        let missing = pages.filled(include_str!("../pages/missing.html"), &[("title", "Votes")]);
        for filled in shells.into_iter().chain([missing]) {
            for link in filled.split("\"/assets/").skip(1).map(|rest| rest.split('"').next().unwrap_or("")) {
                assert!(pages.assets.iter().any(|asset| asset.name == link), "no file {link}");
            }
            assert!(!filled.contains("://"), "a page fetches from elsewhere");
            assert!(!filled.contains("{{"), "a place was not filled");
        }
    }

    #[test]
    fn scripts_load_only_files_that_are_there() {
        let pages = Pages::new("1.0");
        for asset in pages.assets.iter().filter(|asset| asset.content_type == SCRIPT) {
            let text = std::str::from_utf8(&asset.body).expect("a script is text");
            for import in text.split("from \"./").skip(1).map(|rest| rest.split('"').next().unwrap_or("")) {
                assert!(pages.assets.iter().any(|other| other.name == import), "{} imports {import}", asset.name);
            }
        }
    }

    #[test]
    fn each_page_says_which_part_it_belongs_to() {
        for shell in SHELLS.into_iter().filter(|shell| *shell != Shell::Dashboard) {
            assert_eq!(shell.parts().matches("aria-current").count(), 1);
        }
    }
}
