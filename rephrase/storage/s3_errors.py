"""What S3 and its client refuse, in one line with the store's words and a cure."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

from rephrase.errors import UserError

_KEYS = "check the AWS credentials and the bucket's policy"
_EXPIRED = "the credentials are no longer valid: get new ones, or give the run a role that renews them; then run again"
BUSY = "run again; it goes on where it was"
_REGION = "check AWS_REGION, AWS_ENDPOINT_URL and the bucket's name"
_CURES = {
    **dict.fromkeys(("AccessDenied", "403", "401", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden", "Unauthorized"), _KEYS),
    **dict.fromkeys(("AllAccessDisabled", "AccountProblem", "UnauthorizedAccess", "InvalidSecurity", "NotSignedUp"), _KEYS),
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "RequestExpired"), _EXPIRED),
    **dict.fromkeys(("SlowDown", "503", "500", "502", "504", "ServiceUnavailable", "InternalError", "RequestTimeout"), BUSY),
    **dict.fromkeys(("Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded", "BandwidthLimitExceeded"), BUSY),
    **dict.fromkeys(("301", "307", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"), _REGION),
    "NoSuchBucket": "create it, or check its name, AWS_ENDPOINT_URL and region",
    "InvalidBucketName": "write s3://bucket/key",
    "400": "the store gives no reason: check that the credentials are still valid, AWS_REGION and AWS_ENDPOINT_URL",
    "RequestTimeTooSkewed": "set this machine's clock",
    "InvalidObjectState": "the object is archived: restore it first",
    "InvalidRange": "the object has changed meanwhile: put it back, or list the input again in another output",
    "KeyTooLongError": "a key has at most 1,024 bytes",
    "NotImplemented": "the store must know `If-None-Match` on PUT, which current versions of AWS S3, MinIO and Ceph do",
}
_CURE = "check the AWS credentials, AWS_REGION and AWS_ENDPOINT_URL"
_MISSING = ("NoSuchKey", "404", "NotFound")


@contextlib.contextmanager
def errors(path: str) -> Iterator[None]:
    """Tell whatever the client raises as FileNotFoundError, or as a `UserError` with the store's own words."""
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _ = split(path)
    try:
        yield
    except UserError:
        raise
    except ClientError as error:
        code, words = code_of(error), " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
        if code in _MISSING:
            raise FileNotFoundError(errno.ENOENT, "no such object", path) from error
        if code == "NoSuchBucket":
            raise UserError(f"there is no bucket `{bucket}`", where=path, cure=_CURES[code]) from error
        access = "access " if _CURES.get(code) is _KEYS else ""
        what = f"S3 refuses {access}({code}){f': {words}' if words else ''}"
        raise UserError(what, where=path, cure=_CURES.get(code, _CURE)) from error
    except BotoCoreError as error:
        raise _unanswered(error, path) from error
    except broken_streams() as error:
        raise UserError(f"S3 breaks off: {type(error).__name__}: {error}", where=path, cure=BUSY) from error
    except Exception as error:  # such as a page of another server in place of S3's answer
        raise UserError(f"this is no answer of S3: {type(error).__name__}: {error}", where=path, cure=_CURE) from error


def _unanswered(error: Exception, path: str) -> UserError:
    """What is wrong where no store has answered."""
    from botocore import exceptions

    bucket, key = split(path)
    if isinstance(error, exceptions.NoCredentialsError):
        cure = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role"
        return UserError("no AWS credentials found", where=path, cure=cure)
    if isinstance(error, exceptions.ParamValidationError):
        if bucket and not key:
            return UserError("this names a bucket, and nothing in it", where=path, cure="write s3://bucket/key")
        return UserError(f"`{bucket}` is not a valid bucket name", where=path, cure="write s3://bucket/key")
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return UserError(f"S3 does not answer: {error}", where=path, cure="check AWS_ENDPOINT_URL and the network")
    return UserError(f"S3 cannot be asked: {error}", where=path, cure="check the AWS credentials, profile and region")


def code_of(error: Any) -> str:
    """How S3 calls the reason of a refusal."""
    return str(error.response.get("Error", {}).get("Code", ""))


def broken_streams() -> tuple[type[Exception], ...]:
    """What a body raises whose connection breaks."""
    from botocore.exceptions import HTTPClientError, IncompleteReadError, ReadTimeoutError
    from urllib3.exceptions import HTTPError

    return HTTPClientError, IncompleteReadError, ReadTimeoutError, HTTPError, ConnectionError


def split(path: str) -> tuple[str, str]:
    """The bucket and the key of a URL."""
    bucket, _, key = path.removeprefix("s3://").partition("/")
    return bucket, key
