//! Every operation that works here, and what carries it out. What is not listed answers NotImplemented, which is s3s's
//! doing.

use super::{Operation, Seen, Shared, fault::fault, listing, notifying, parts, reading, writing};
use http::HeaderMap;
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result, dto};
use std::sync::Arc;

/// What s3s calls.
pub(super) struct Service(pub Arc<Shared>);

impl Service {
    /// Lets a request come to its operation, if it may.
    async fn run<I, O, F>(
        &self,
        operation: Operation,
        request: S3Request<I>,
        work: impl FnOnce(Arc<Shared>, S3Request<I>) -> F + Send,
    ) -> S3Result<S3Response<O>>
    where
        F: Future<Output = S3Result<O>> + Send,
    {
        if let Some(seen) = request.extensions.get::<Seen>() {
            // Each request comes here once.
            let _ = seen.0.set(operation);
        }
        self.0.permit(request.credentials.as_ref().map(|found| &*found.access_key), operation)?;
        self.check_owner(&request.headers)?;
        work(self.0.clone(), request).await.map(S3Response::new)
    }

    /// A client may say whose bucket it means.
    fn check_owner(&self, headers: &HeaderMap) -> S3Result<()> {
        let account = self.0.config.place.account.as_bytes();
        let owners = ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"];
        if owners.iter().filter_map(|name| headers.get(*name)).any(|owner| owner.as_bytes() != account) {
            return Err(fault(S3ErrorCode::AccessDenied, "Access Denied: the bucket belongs to another account"));
        }
        Ok(())
    }
}

/// The methods of the trait, each handed to its operation.
macro_rules! serve {
    ($($method:ident($input:ident) -> $output:ident: $name:ident, $work:path;)*) => {
        #[async_trait::async_trait]
        impl S3 for Service {
            $(
                async fn $method(&self, request: S3Request<dto::$input>) -> S3Result<S3Response<dto::$output>> {
                    self.run(Operation::$name, request, $work).await
                }
            )*
        }
    };
}

serve! {
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput: AbortMultipartUpload, parts::abort;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput: CompleteMultipartUpload, parts::complete;
    copy_object(CopyObjectInput) -> CopyObjectOutput: CopyObject, writing::copy;
    create_bucket(CreateBucketInput) -> CreateBucketOutput: CreateBucket, writing::create_bucket;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput: CreateMultipartUpload, parts::begin;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput: DeleteBucket, writing::delete_bucket;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput: DeleteObject, writing::delete;
    delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput: DeleteObjectTagging, writing::delete_tags;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput: DeleteObjects, writing::delete_all;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput: GetBucketLocation, reading::location;
    get_bucket_notification_configuration(GetBucketNotificationConfigurationInput) -> GetBucketNotificationConfigurationOutput: GetBucketNotificationConfiguration, notifying::get;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput: GetBucketVersioning, reading::versioning;
    get_object(GetObjectInput) -> GetObjectOutput: GetObject, reading::get;
    get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput: GetObjectAttributes, reading::attributes;
    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput: GetObjectTagging, reading::tags;
    head_bucket(HeadBucketInput) -> HeadBucketOutput: HeadBucket, reading::head_bucket;
    head_object(HeadObjectInput) -> HeadObjectOutput: HeadObject, reading::head;
    list_buckets(ListBucketsInput) -> ListBucketsOutput: ListBuckets, listing::buckets;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput: ListMultipartUploads, listing::uploads;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput: ListObjectVersions, listing::versions;
    list_objects(ListObjectsInput) -> ListObjectsOutput: ListObjects, listing::objects;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output: ListObjectsV2, listing::objects_v2;
    list_parts(ListPartsInput) -> ListPartsOutput: ListParts, listing::parts;
    put_bucket_notification_configuration(PutBucketNotificationConfigurationInput) -> PutBucketNotificationConfigurationOutput: PutBucketNotificationConfiguration, notifying::put;
    put_object(PutObjectInput) -> PutObjectOutput: PutObject, writing::put;
    put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput: PutObjectTagging, writing::put_tags;
    upload_part(UploadPartInput) -> UploadPartOutput: UploadPart, parts::put;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput: UploadPartCopy, parts::copy;
}
