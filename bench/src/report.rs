//! What a run found, as Markdown: figures beside their bars.

/// A bar and what to reach for; `higher` says which side is good.
#[derive(Clone, Copy)]
pub struct Bar {
    pub bar: f64,
    pub reach: f64,
    pub higher: bool,
}

impl Bar {
    pub const fn at_least(bar: f64, reach: f64) -> Bar {
        Bar { bar, reach, higher: true }
    }

    pub const fn at_most(bar: f64, reach: f64) -> Bar {
        Bar { bar, reach, higher: false }
    }

    fn verdict(&self, value: f64) -> &'static str {
        let holds = |limit: f64| if self.higher { value >= limit } else { value <= limit };
        match (holds(self.bar), holds(self.reach)) {
            (_, true) => "reached",
            (true, false) => "ok",
            (false, false) => "**below**",
        }
    }
}

/// One table of figures, printed row by row as they are found.
pub struct Report;

impl Report {
    pub fn title(title: &str) {
        println!("\n## {title}\n");
    }

    pub fn head(columns: &[&str]) {
        println!("| {} |", columns.join(" | "));
        println!("|{}", "---|".repeat(columns.len()));
    }

    pub fn row(cells: &[String]) {
        println!("| {} |", cells.join(" | "));
    }

    /// Begins a table of single figures.
    pub fn figures(title: &str) {
        Report::title(title);
        Report::head(&["what", "measured", "bar", "reach for", ""]);
    }

    pub fn figure(what: &str, value: f64, unit: &str, bar: Option<Bar>) {
        let show = |value: f64| format!("{} {unit}", number(value));
        let (low, high, verdict) = match bar {
            Some(bar) => (show(bar.bar), show(bar.reach), bar.verdict(value).to_owned()),
            None => Default::default(),
        };
        Report::row(&[what.to_owned(), show(value), low, high, verdict]);
    }

    /// A ratio's cells: bar, reach for, verdict.
    pub fn verdict(value: f64, bar: Option<Bar>) -> [String; 2] {
        bar.map_or_else(Default::default, |bar| {
            [format!("{:.2} / {:.2}", bar.bar, bar.reach), bar.verdict(value).to_owned()]
        })
    }
}

/// Three significant digits, thousands apart.
pub fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 1000.0 {
        return format!("{value:.0}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The middle value; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}
