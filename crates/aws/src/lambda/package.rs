//! Code as requests bring it: a zip archive in Base64. Knows no files.

use super::fault::invalid;
use crate::{
    json::Text,
    protocol::{Code, Fault},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::Package;

/// Longest body of a request with a package: AWS's, for 50 MB in Base64 and what stands around them.
pub(crate) const REQUEST_BYTES_MAX: usize = 70_167_211;

shape! {
    /// Of UpdateFunctionCode, and of CreateFunction's `Code`.
    PackageInput<'a> (plain) {
        "ZipFile" => zip: Text<'a>,
        "S3Bucket" => bucket: Text<'a>,
        "S3Key" => key: Text<'a>,
        "ImageUri" => image: Text<'a>,
    }
}

impl PackageInput<'_> {
    /// The package that was sent.
    pub fn package(&self) -> Result<Package, Fault> {
        if let Some(image) = self.image.as_deref() {
            return Err(invalid(format!("Container images do not run here: send the code of {image} as ZipFile")));
        }
        if let (Some(bucket), _) | (None, Some(bucket)) = (self.bucket.as_deref(), self.key.as_deref()) {
            return Err(invalid(format!(
                "Packages cannot be fetched from buckets here yet: send the package instead of naming {bucket}, as ZipFile"
            )));
        }
        let zip = self.zip.as_deref().ok_or_else(|| invalid("Please provide a source for function code."))?;
        let archive = STANDARD.decode(zip);
        let archive =
            archive.map_err(|error| Fault::new(Code::Serialization, format!("ZipFile is no Base64: {error}")))?;
        Ok(Package::Zip(archive.into()))
    }
}
