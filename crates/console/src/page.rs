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
#[derive(Clone, Copy)]
pub enum Shell {
    Overview,
    Dashboard,
    Table,
}

impl Shell {
    fn html(self) -> &'static str {
        match self {
            Shell::Overview => include_str!("../pages/overview.html"),
            Shell::Dashboard => include_str!("../pages/dashboard.html"),
            Shell::Table => include_str!("../pages/table.html"),
        }
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
        let body = self.filled(shell.html(), title, name);
        let tag = etag(body.as_bytes());
        tagged(parts, HTML, Bytes::from(body), &tag)
    }

    /// The friendly 404; `what` says what is not there.
    pub fn missing(&self, what: &str) -> Response<Body> {
        let body = self.filled(include_str!("../pages/missing.html"), what, "");
        full(StatusCode::NOT_FOUND, HTML, Bytes::from(body))
    }

    fn filled(&self, html: &str, title: &str, name: &str) -> String {
        // One pass over the template: a title that looks like a placeholder is text.
        let mut out = String::with_capacity(html.len() + 256);
        let mut rest = html;
        while let Some((before, after)) = rest.split_once("{{") {
            let (placeholder, after) = after.split_once("}}").expect("embedded pages close their placeholders");
            out.push_str(before);
            out.push_str(&escaped(match placeholder {
                "title" => title,
                "name" => name,
                "version" => &self.version,
                other => unreachable!("an embedded page asks for {other}"),
            }));
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
        let filled = pages.filled("<title>{{title}}</title><p>{{version}}</p>", "<b>\"{{version}}'&", "");
        assert_eq!(filled, "<title>&lt;b&gt;&quot;{{version}}&#39;&amp;</title><p>1.0</p>");
    }

    #[test]
    fn every_embedded_page_fills_and_loads_only_files_that_are_there() {
        let pages = Pages::new("1.0");
        let shells = [Shell::Overview.html(), Shell::Dashboard.html(), Shell::Table.html()];
        for html in shells.into_iter().chain([include_str!("../pages/missing.html")]) {
            let filled = pages.filled(html, "Votes", "votes");
            for link in filled.split("\"/assets/").skip(1).map(|rest| rest.split('"').next().unwrap_or("")) {
                assert!(pages.assets.iter().any(|asset| asset.name == link), "no file {link}");
            }
            assert!(!filled.contains("://"), "a page fetches from elsewhere");
        }
    }
}
