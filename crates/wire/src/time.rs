//! Calendar: milliseconds since the epoch to and from the texts that ARNs and signatures carry. Has no clock.

/// `(year, month, day)` of a day counted from 1970-01-01. After Howard Hinnant's `civil_from_days`.
fn civil(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days from 1970-01-01.
fn days(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

struct Moment {
    date: (i64, u32, u32),
    time: (u64, u64, u64),
    millis: u64,
}

fn moment(ms: u64) -> Moment {
    let seconds = ms / 1000;
    let date = civil((seconds / 86_400) as i64);
    Moment { date, time: (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60), millis: ms % 1000 }
}

/// `2023-06-10T19:26:16.525`: a stream's label.
pub fn label(ms: u64) -> String {
    let Moment { date: (year, month, day), time: (hour, minute, second), millis } = moment(ms);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}")
}

/// `20230610T192616Z`: ISO 8601 basic format, as signatures have it.
pub fn basic(ms: u64) -> String {
    let Moment { date: (year, month, day), time: (hour, minute, second), .. } = moment(ms);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// `Sat Jun 10 19:26:16 UTC 2023`, as Java writes it and some messages of AWS's have it.
pub fn spelled(ms: u64) -> String {
    let Moment { date: (year, month, day), time: (hour, minute, second), .. } = moment(ms);
    // The first day was a Thursday.
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(ms / 86_400_000 % 7) as usize];
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months[month as usize - 1];
    format!("{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year:04}")
}

/// Reads ISO 8601 basic format; answers milliseconds.
pub fn parse_basic(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (hour, minute, second) = (number(9..11)?, number(11..13)?, number(13..15)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(i64::from(year), month, day) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    u64::try_from(seconds).ok()?.checked_mul(1000)
}

/// Epoch seconds with milliseconds, as the JSON protocol shows times: `1686425176.525`.
pub fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_and_epoch_agree() {
        assert_eq!(label(1_686_425_176_525), "2023-06-10T19:26:16.525");
        assert_eq!(basic(0), "19700101T000000Z");
        assert_eq!(spelled(1_686_425_176_525), "Sat Jun 10 19:26:16 UTC 2023");
        assert_eq!(spelled(1_421_889_722_000), "Thu Jan 22 01:22:02 UTC 2015");
        assert_eq!(parse_basic("20230610T192616Z"), Some(1_686_425_176_000));
        assert_eq!(parse_basic("20230610T192616"), None);
        assert_eq!(parse_basic("20231310T192616Z"), None);
        for day in (0..80_000).step_by(13) {
            let ms = day * 86_400_000 + 12_345_000;
            assert_eq!(parse_basic(&basic(ms)), Some(ms));
        }
    }
}
