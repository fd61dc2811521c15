import { DescribeInstanceCommand, type Instance, type InstanceSummary, ListInstancesCommand } from "@aws-sdk/client-connect";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { connect } from "../api/connect";
import { type Pages, usePages } from "../api/pages";

/** Under what the lists and instances are cached. */
export const instancesKey = ["connect", "instances"] as const;

/** The instances, page by page. */
export function useInstances(): Pages<InstanceSummary> {
  return usePages([...instancesKey, "list"], async (token, signal) => {
    const out = await connect().send(new ListInstancesCommand({ MaxResults: 10, ...(token && { NextToken: token }) }), { abortSignal: signal });
    return { items: out.InstanceSummaryList ?? [], next: out.NextToken };
  });
}

/** One instance. */
export function useInstance(id: string): UseQueryResult<Instance> {
  return useQuery({
    queryKey: [...instancesKey, id],
    queryFn: async ({ signal }) => {
      const { Instance } = await connect().send(new DescribeInstanceCommand({ InstanceId: id }), { abortSignal: signal });
      if (!Instance) throw new Error("DescribeInstance answered without an instance");
      return Instance;
    },
  });
}
