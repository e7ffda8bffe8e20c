//! Who may see the pages and press their buttons: a browser that came by an allowed name, from the page itself. Keeps
//! other sites' scripts, forms and rebound names out of a console that listens on loopback without a password.

use http::{StatusCode, header, request::Parts};

/// `Err` carries the line to answer. `/health` is open to any name: probes come by address, and it tells little.
pub fn check(parts: &Parts, allowed: &[String]) -> Result<(), &'static str> {
    if parts.uri.path() == "/health" {
        return Ok(());
    }
    let host = authority(parts).ok_or("the request names no host")?;
    let name = without_port(host);
    if !allowed.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(name)) {
        return Err("the console does not answer under this host name");
    }
    match parts.headers.get(header::ORIGIN) {
        None => Ok(()),
        Some(origin) => {
            let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
            if origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) {
                Ok(())
            } else {
                Err("the console answers its own pages only")
            }
        }
    }
}

/// Who may change something, given that [`check`] lets them see it. A browser says with each post where it comes from,
/// and sends JSON to a stranger only if that agrees, which the console never does; others have to say it, too.
pub fn check_post(parts: &Parts) -> Result<(), (StatusCode, &'static str)> {
    if !parts.headers.contains_key(header::ORIGIN) {
        return Err((StatusCode::FORBIDDEN, "a POST names its origin: Origin: http://HOST"));
    }
    let site = parts.headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin") {
        return Err((StatusCode::FORBIDDEN, "the console answers its own pages only"));
    }
    let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = media_type.split(';').next().unwrap_or("").trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "a POST has the content type application/json"))
    }
}

/// A parameter of the address, decoded; the first one of that name.
pub fn query(parts: &Parts, name: &str) -> Option<String> {
    let pairs = parts.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| percent_decoded(value))
}

/// The host the client asked for: HTTP/2 carries it in the address, HTTP/1.1 in a header.
fn authority(parts: &Parts) -> Option<&str> {
    match parts.headers.get(header::HOST) {
        Some(host) => host.to_str().ok(),
        None => parts.uri.authority().map(http::uri::Authority::as_str),
    }
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(at) if !host[at..].contains(']') => &host[..at],
        _ => host,
    }
}

/// Undoes `%XX`; what is not valid is kept as it stands, bytes that are not UTF-8 are replaced.
pub fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(cases: &[(&str, Option<&str>, Option<&str>)], expected: &Expect) {
        let allowed = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let mut out = String::new();
        for (path, host, origin) in cases {
            let mut request = http::Request::get(*path);
            if let Some(host) = host {
                request = request.header("host", *host);
            }
            if let Some(origin) = origin {
                request = request.header("origin", *origin);
            }
            let (parts, ()) = request.body(()).expect("a valid request").into_parts();
            out += &format!("{path} {host:?} {origin:?}: {:?}\n", super::check(&parts, &allowed));
        }
        expected.assert_eq(&out);
    }

    #[test]
    fn pages_are_for_their_own_origin_under_a_known_name() {
        check(
            &[
                ("/", Some("localhost:8000"), None),
                ("/", Some("LOCALHOST"), None),
                ("/", Some("[::1]:8000"), None),
                ("/", Some("[::1]"), None),
                ("/", Some("127.0.0.1:8000"), Some("http://127.0.0.1:8000")),
                ("/", Some("127.0.0.1:8000"), Some("http://localhost:8000")),
                ("/", Some("localhost:8000"), Some("http://localhost:3000")),
                ("/", Some("localhost:8000"), Some("null")),
                ("/", Some("rebound.example:8000"), None),
                ("/", Some("localhost.evil.example"), None),
                ("/", None, None),
                ("/health", Some("streamfold:8000"), None),
            ],
            &expect![[r#"
                / Some("localhost:8000") None: Ok(())
                / Some("LOCALHOST") None: Ok(())
                / Some("[::1]:8000") None: Ok(())
                / Some("[::1]") None: Ok(())
                / Some("127.0.0.1:8000") Some("http://127.0.0.1:8000"): Ok(())
                / Some("127.0.0.1:8000") Some("http://localhost:8000"): Err("the console answers its own pages only")
                / Some("localhost:8000") Some("http://localhost:3000"): Err("the console answers its own pages only")
                / Some("localhost:8000") Some("null"): Err("the console answers its own pages only")
                / Some("rebound.example:8000") None: Err("the console does not answer under this host name")
                / Some("localhost.evil.example") None: Err("the console does not answer under this host name")
                / None None: Err("the request names no host")
                /health Some("streamfold:8000") None: Ok(())
            "#]],
        );
    }

    #[test]
    fn posts_are_for_pages_that_say_where_they_come_from_and_send_json() {
        let json = "application/json";
        let cases: [(&str, &[(&str, &str)]); 6] = [
            ("a page", &[("origin", "http://a"), ("content-type", "application/json; charset=utf-8")]),
            ("a browser's page", &[("origin", "http://a"), ("sec-fetch-site", "same-origin"), ("content-type", json)]),
            ("another site", &[("origin", "http://a"), ("sec-fetch-site", "cross-site"), ("content-type", json)]),
            ("nobody", &[("content-type", json)]),
            ("a form", &[("origin", "http://a"), ("content-type", "text/plain")]),
            ("without a type", &[("origin", "http://a")]),
        ];
        let mut out = String::new();
        for (who, headers) in cases {
            let request =
                headers.iter().fold(http::Request::post("/"), |request, (name, value)| request.header(*name, *value));
            let (parts, ()) = request.body(()).expect("a valid request").into_parts();
            out += &format!("{who}: {:?}\n", check_post(&parts));
        }
        expect![[r#"
            a page: Ok(())
            a browser's page: Ok(())
            another site: Err((403, "the console answers its own pages only"))
            nobody: Err((403, "a POST names its origin: Origin: http://HOST"))
            a form: Err((415, "a POST has the content type application/json"))
            without a type: Err((415, "a POST has the content type application/json"))
        "#]]
        .assert_eq(&out);
    }

    #[test]
    fn percent_signs_that_mean_nothing_stay() {
        let cases = ["a%20b", "%e2%82%ac", "100%", "%zz", "%4", "%ff"].map(percent_decoded);
        expect![[r#"["a b", "€", "100%", "%zz", "%4", "\u{fffd}"]"#]]
            .assert_eq(&format!("{cases:?}").replace('�', "\\u{fffd}"));
    }
}
