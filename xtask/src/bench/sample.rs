use std::fmt;

/// What one run of one proxy in one case cost.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    pub case: &'static str,
    pub proxy: &'static str,
    /// In the unit of the case; less is better.
    pub cost: f64,
    pub per_second: Option<f64>,
    pub p99_milliseconds: Option<f64>,
    /// Resident memory at the end of the run.
    pub resident_megabytes: Option<f64>,
    /// Answers that were not 2xx or 3xx, and connections that failed.
    pub errors: u64,
    /// How many lines the access log must have by now, where it is compared.
    pub requests_logged_at_least: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    MicrosecondsPerRequest,
    MicrosecondsPerHandshake,
    KilobytesPerConnection,
    TimesAtRest,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::MicrosecondsPerRequest => "CPU µs/request",
            Unit::MicrosecondsPerHandshake => "CPU µs/handshake",
            Unit::KilobytesPerConnection => "KiB/connection",
            Unit::TimesAtRest => "p99 while reloading ÷ p99 at rest",
        })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:.2}", self.proxy, self.cost)?;
        if let Some(rate) = self.per_second {
            write!(f, ", {rate:.0}/s")?;
        }
        if self.errors > 0 {
            write!(f, ", {} ERRORS", self.errors)?;
        }
        Ok(())
    }
}
