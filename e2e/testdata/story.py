"""The story of a contact centre, told by boto3. Every setting comes from the
environment, as it does for existing scripts."""

import json
import sys

import boto3
from botocore.exceptions import ClientError

account, phone, email, name = sys.argv[1:5]
first, last = name.split(" ", 1)

profiles = boto3.client("customer-profiles")
sqs = boto3.client("sqs")
kms = boto3.client("kms")
sts = boto3.client("sts")

assert sts.get_caller_identity()["Account"] == account

queue = sqs.create_queue(QueueName="letters")["QueueUrl"]
key = kms.create_key(Description="profiles")["KeyMetadata"]["Arn"]

# Refused with the statement to paste, then accepted with it.
enable = dict(DomainName="amazon-connect-py", DefaultExpirationDays=366,
              DefaultEncryptionKey=key, DeadLetterQueueUrl=queue, Tags={"team": "desk"})
try:
    profiles.create_domain(**enable)
    raise SystemExit("a queue without a policy was accepted")
except profiles.exceptions.BadRequestException as e:
    text = e.response["Error"]["Message"]
    statement = json.loads(text[text.index("{"):text.rindex("}") + 1])
sqs.set_queue_attributes(QueueUrl=queue, Attributes={
    "Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})
made = profiles.create_domain(**enable)
assert made["DefaultEncryptionKey"] == key and made["DeadLetterQueueUrl"] == queue, made
domain = made["DomainName"]
try:
    profiles.create_domain(**enable)
    raise SystemExit("a domain was made twice")
except profiles.exceptions.BadRequestException as e:
    assert f"Domain {domain} already exists" in str(e), e

profiles.put_profile_object_type(
    DomainName=domain, ObjectTypeName="Order", Description="orders", AllowProfileCreation=True,
    Fields={"no": {"Source": "_source.no", "Target": "_order.Name", "ContentType": "STRING"},
            "mail": {"Source": "_source.mail", "Target": "_profile.EmailAddress", "ContentType": "EMAIL_ADDRESS"},
            "tel": {"Source": "_source.tel", "Target": "_profile.PhoneNumber", "ContentType": "PHONE_NUMBER"}},
    Keys={"orderNo": [{"StandardIdentifiers": ["ORDER", "UNIQUE"], "FieldNames": ["no"]}],
          "_email": [{"StandardIdentifiers": ["PROFILE"], "FieldNames": ["mail"]}],
          "_phone": [{"StandardIdentifiers": [], "FieldNames": ["tel"]}]})

made = profiles.create_profile(DomainName=domain, FirstName=first, LastName=last, EmailAddress=email)["ProfileId"]
order = json.dumps({"no": "PY-1", "mail": email.upper(), "tel": phone})
unique = profiles.put_profile_object(DomainName=domain, ObjectTypeName="Order", Object=order)["ProfileObjectUniqueKey"]
for key_name, value in [("_email", email), ("_phone", phone), ("_fullName", name.lower()),
                        ("orderNo", "PY-1"), ("_profileId", made)]:
    items = profiles.search_profiles(DomainName=domain, KeyName=key_name, Values=[value])["Items"]
    assert [i["ProfileId"] for i in items] == [made], (key_name, len(items))
listed = profiles.list_profile_objects(DomainName=domain, ProfileId=made, ObjectTypeName="Order")["Items"]
assert [(o["Object"], o["ProfileObjectUniqueKey"]) for o in listed] == [(order, unique)], len(listed)

profiles.put_profile_object(DomainName=domain, ObjectTypeName="Order", Object=json.dumps({"no": "PY-2", "mail": email}))
try:
    profiles.put_profile_object(DomainName=domain, ObjectTypeName="Order", Object="{}")
    raise SystemExit("a record without keys was accepted")
except profiles.exceptions.BadRequestException as e:
    assert "The UNIQUE key or PROFILE key does not exist" in str(e), e

# Two profiles with one address: without leave to make another, the record
# waits in the queue. boto3 verifies the MD5 of what it receives.
profiles.create_profile(DomainName=domain, PersonalEmailAddress=email)
profiles.put_profile_object_type(
    DomainName=domain, ObjectTypeName="Note", Description="notes",
    Fields={"no": {"Source": "_source.no"}, "mail": {"Source": "_source.mail", "ContentType": "EMAIL_ADDRESS"}},
    Keys={"noteNo": [{"StandardIdentifiers": ["UNIQUE"], "FieldNames": ["no"]}],
          "_email": [{"StandardIdentifiers": ["PROFILE"], "FieldNames": ["mail"]}]})
note = json.dumps({"no": 1, "mail": email, "text": "späte Notiz"})
profiles.put_profile_object(DomainName=domain, ObjectTypeName="Note", Object=note)
letter = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20, MessageAttributeNames=["All"])["Messages"][0]
attributes = {k: v["StringValue"] for k, v in letter["MessageAttributes"].items()}
assert attributes.pop("DomainId")  # Kindred's own, beside the three of Customer Profiles
assert letter["Body"] == note, "the body of the dead letter"
assert attributes == {"Message": "All keys of this object are binding to more than one profiles",
                      "DomainName": domain, "ObjectTypeName": "Note"}, attributes
sqs.delete_message(QueueUrl=queue, ReceiptHandle=letter["ReceiptHandle"])

profiles.update_profile(DomainName=domain, ProfileId=made, BusinessName="by hand", LastName="")
got = profiles.batch_get_profile(DomainName=domain, ProfileIds=[made])["Profiles"][0]
assert got["BusinessName"] == "by hand" and "LastName" not in got, sorted(got)

arn = f"arn:aws:profile:{profiles.meta.region_name}:{account}:domains/{domain}"
assert profiles.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "desk"}
stats = profiles.get_domain(DomainName=domain)["Stats"]
assert (stats["ProfileCount"], stats["ObjectCount"]) == (2, 2), stats

# Errors are those of the model: botocore knows them by name.
for call, code in [
    (lambda: profiles.get_domain(DomainName="none"), "ResourceNotFoundException"),
    (lambda: profiles.put_profile_object(DomainName=domain, ObjectTypeName="Note", Object="{"), "BadRequestException"),
    (lambda: profiles.get_segment_definition(DomainName=domain, SegmentDefinitionName="s"), "NotImplementedException"),
    (lambda: sqs.get_queue_url(QueueName="none"), "AWS.SimpleQueueService.NonExistentQueue"),
    (lambda: kms.describe_key(KeyId="alias/none"), "NotFoundException"),
]:
    try:
        call()
        raise SystemExit(f"no {code}")
    except ClientError as e:
        if code != "NotImplementedException" or e.response["Error"]["Code"] != "ResourceNotFoundException":
            assert e.response["Error"]["Code"] == code, e

profiles.delete_domain(DomainName=domain)
assert profiles.list_domains()["Items"] == []
print("told")
