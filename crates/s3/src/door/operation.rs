//! What works here: the operations of S3 that are carried out, and what each of them needs.

/// What an operation needs and an access key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Read,
    /// Reading, and changing buckets and objects.
    Write,
}

macro_rules! operations {
    ($($name:ident: $access:ident,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Operation {
            $($name,)*
        }

        impl Operation {
            pub const ALL: &[Operation] = &[$(Operation::$name,)*];

            /// S3's word.
            pub fn name(self) -> &'static str {
                match self {
                    $(Operation::$name => stringify!($name),)*
                }
            }

            pub fn needs(self) -> Access {
                match self {
                    $(Operation::$name => Access::$access,)*
                }
            }
        }
    };
}

operations! {
    AbortMultipartUpload: Write,
    CompleteMultipartUpload: Write,
    CopyObject: Write,
    CreateBucket: Write,
    CreateMultipartUpload: Write,
    DeleteBucket: Write,
    DeleteObject: Write,
    DeleteObjects: Write,
    DeleteObjectTagging: Write,
    GetBucketLocation: Read,
    GetBucketNotificationConfiguration: Read,
    GetBucketVersioning: Read,
    GetObject: Read,
    GetObjectAttributes: Read,
    GetObjectTagging: Read,
    HeadBucket: Read,
    HeadObject: Read,
    ListBuckets: Read,
    ListMultipartUploads: Read,
    ListObjects: Read,
    ListObjectsV2: Read,
    ListObjectVersions: Read,
    ListParts: Read,
    PutBucketNotificationConfiguration: Write,
    PutObject: Write,
    PutObjectTagging: Write,
    UploadPart: Write,
    UploadPartCopy: Write,
}
