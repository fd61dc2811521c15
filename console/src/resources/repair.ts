import { GetKeyPolicyCommand, PutKeyPolicyCommand } from "@aws-sdk/client-kms";
import { GetQueueAttributesCommand, GetQueueUrlCommand, SetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { kms } from "../api/kms";
import { sqs } from "../api/sqs";
import { type Refusal, addStatement } from "./policy";

/** Adds to the policy of a queue or key what a refusal says it lacks. */
export async function repair({ on, arn, statement }: Refusal): Promise<void> {
  if (on === "key") {
    const { Policy } = await kms().send(new GetKeyPolicyCommand({ KeyId: arn, PolicyName: "default" }));
    await kms().send(new PutKeyPolicyCommand({ KeyId: arn, PolicyName: "default", Policy: addStatement(Policy, statement) }));
    return;
  }
  const [account, name] = arn.split(":").slice(4);
  const { QueueUrl } = await sqs().send(new GetQueueUrlCommand({ QueueName: name, QueueOwnerAWSAccountId: account }));
  const { Attributes } = await sqs().send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["Policy"] }));
  await sqs().send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy: addStatement(Attributes?.Policy, statement) } }));
}
