//! Headers and paths at a door with keys: each request is answered, and none of these may pass. An input is lines: the
//! path, then headers as `name: value`, an empty line, the body.

#![no_main]

use aws::{Access, AccessKey};
use fuzz::House;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let end = data.windows(2).position(|two| two == b"\n\n").unwrap_or(data.len());
    let (head, body) = (&data[..end], data.get(end + 2..).unwrap_or_default());
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut request = http::Request::post(lines.next().unwrap_or_default());
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        request = request.header(&line[..colon], line.get(colon + 1..).unwrap_or_default().trim_ascii());
    }
    let Ok(request) = request.body(()) else { return };
    let secret = "a secret nobody guesses".into();
    let house = House::new(vec![AccessKey { id: "dummy".into(), secret, access: Access::Write }]);
    let answer = house.send(request, body);
    assert!((400..500).contains(&answer.status), "{}", answer.status);
});
