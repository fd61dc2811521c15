"""Writes vectors.json: requests signed by botocore, for TestVectors.

Run it with any Python that has botocore: python3 vectors.py > vectors.json
"""

import datetime
import json
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOW = datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.timezone.utc)
botocore.auth.get_current_datetime = lambda *a, **k: NOW
LONG = Credentials("AKIDEXAMPLE000000000", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SHORT = Credentials("ASIDEXAMPLE000000000", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2Vj+/token==")

HOST = "http://127.0.0.1:4620"
JSON = {"Content-Type": "application/json"}
CASES = [
    ("get root", "GET", "", "/", {}, b"", LONG),
    ("get without a path", "GET", "", "", {}, b"", LONG),
    ("post json", "POST", "", "/domains/d1", JSON, b'{"DefaultExpirationDays":1}', LONG),
    ("session token", "POST", "", "/domains/d1", JSON, b"{}", SHORT),
    ("encoded slash", "GET", "", "/tags/arn%3Aaws%3Aprofile%3Aus-east-1%3A000000000000%3Adomains%2Fd1", {}, b"", LONG),
    ("encoded percent", "GET", "", "/a%25b/%2525", {}, b"", LONG),
    ("space and plus", "GET", "", "/a%20b/c+d", {}, b"", LONG),
    ("unicode", "GET", "", "/%E1%88%B4/%F0%9F%98%80", {}, b"", LONG),
    ("sub-delimiters", "GET", "", "/a!b$c&d'e(f)g*h,i;j=k:l@m", {}, b"", LONG),
    ("tilde", "GET", "", "/~user/-._", {}, b"", LONG),
    ("lower-case escapes", "GET", "", "/a%2fb%3a", {}, b"", LONG),
    ("trailing slash", "GET", "", "/domains/", {}, b"", LONG),
    ("query", "GET", "max-results=5&next-token=a%2Bb%2F%3D", "/domains", {}, b"", LONG),
    ("query repeated and unsorted", "DELETE", "tagKeys=b&tagKeys=a&tagKeys=a%3Ab&tagKeys=a0", "/tags/x", {}, b"", LONG),
    ("query empty values", "GET", "b=&a=&c=", "/", {}, b"", LONG),
    ("query order after encoding", "GET", "a0=1&a%3A=2&A=3", "/", {}, b"", LONG),
    ("query unicode", "GET", "%E1%88%B4=bar&foo=%E1%88%B4", "/", {}, b"", LONG),
    ("header spaces", "GET", "", "/", {"My-Header1": "  a   b   c  ", "My-Header2": '"a   b   c"'}, b"", LONG),
    ("payload hash given", "POST", "", "/", {"X-Amz-Content-SHA256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}, b"{}", LONG),
    ("json target", "POST", "", "/", {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ListQueues"}, b"{}", LONG),
    ("form", "POST", "", "/", {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, b"Action=GetCallerIdentity&Version=2011-06-15", LONG),
    ("date header", "GET", "", "/", {"Date": "now"}, b"", LONG),
    ("binary body", "PUT", "", "/x", {}, bytes(range(256)), LONG),
]


def case(name, method, query, path, headers, body, credentials, auth):
    url = HOST + path + ("?" + query if query else "")
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    auth.add_auth(request)
    prepared = request.prepare()
    signed = urlsplit(prepared.url)
    text = lambda v: v.decode() if isinstance(v, bytes) else v
    return {
        "name": name,
        "method": method,
        "target": (signed.path or "/") + ("?" + signed.query if signed.query else ""),
        "headers": {k: text(v) for k, v in prepared.headers.items() if k.lower() != "content-length"},
        "body": body.hex(),
        "secret": credentials.secret_key,
        "token": credentials.token or "",
    }


out = []
for c in CASES:
    out.append(case(*c, botocore.auth.SigV4Auth(c[-1], "profile", "eu-west-2")))
    if not c[5] and c[0] != "date header":  # botocore moves a body into the query string
        out.append(case("presigned: " + c[0], *c[1:], botocore.auth.SigV4QueryAuth(c[-1], "profile", "eu-west-2", expires=60)))
print(json.dumps(out, indent=1))
