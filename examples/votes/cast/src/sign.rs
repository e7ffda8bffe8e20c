//! Signature Version 4 of one kind of request: a POST to `/` whose signed headers are always the same four. Knows
//! nothing of sockets; the time comes in as seconds since the epoch.

use sha2::{Digest, Sha256};

/// Who signs, and for where.
#[derive(Clone, Debug)]
pub struct Signer {
    pub access_key: String,
    pub secret_key: String,
    pub region: String,
    pub host: String,
}

/// The two headers a signature adds.
pub struct Signature {
    pub amz_date: String,
    pub authorization: String,
}

impl Signer {
    /// Signs `body` for `target` at `epoch` seconds.
    pub fn sign(&self, target: &str, body: &[u8], epoch: u64) -> Signature {
        let amz_date = timestamp(epoch);
        let day = &amz_date[..8];
        let signed = "content-type;host;x-amz-date;x-amz-target";
        let request = format!(
            "POST\n/\n\ncontent-type:application/x-amz-json-1.0\nhost:{}\nx-amz-date:{amz_date}\nx-amz-target:{target}\n\n\
             {signed}\n{}",
            self.host,
            hex(&Sha256::digest(body))
        );
        let scope = format!("{day}/{}/dynamodb/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{amz_date}\n{scope}\n{}", hex(&Sha256::digest(request.as_bytes())));
        let secret = format!("AWS4{}", self.secret_key);
        let key = [day, &self.region, "dynamodb", "aws4_request"]
            .iter()
            .fold(secret.into_bytes(), |key, part| hmac(&key, part.as_bytes()).to_vec());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={}",
            self.access_key,
            hex(&hmac(&key, text.as_bytes()))
        );
        Signature { amz_date, authorization }
    }
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `20261121T005542Z` (days to a date after Howard Hinnant's `civil_from_days`).
fn timestamp(epoch: u64) -> String {
    let (days, seconds) = (epoch / 86_400 + 719_468, epoch % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(timestamp(0), "19700101T000000Z");
        assert_eq!(timestamp(951_782_400), "20000229T000000Z");
        assert_eq!(timestamp(1_795_222_542), "20261121T005542Z");
    }

    #[test]
    fn hmac_is_the_one_of_rfc_4231() {
        let digest = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&digest), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    /// The reference is botocore 1.44: `SigV4Auth(Credentials("id", "secret"), "dynamodb", "us-east-1")`.
    #[test]
    fn a_signature_is_botocores() {
        let signer = Signer {
            access_key: "id".into(),
            secret_key: "secret".into(),
            region: "us-east-1".into(),
            host: "localhost:8000".into(),
        };
        let signature = signer.sign("DynamoDB_20120810.PutItem", b"{}", 1_795_222_542);
        assert!(
            signature
                .authorization
                .ends_with("Signature=5f79241189fa8f8de8e5c1b540dd3644795db9af2292829826c76b0565c97e13"),
            "{}",
            signature.authorization
        );
    }
}
