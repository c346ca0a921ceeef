/** Members and teams of an organization: who there is, who may do what, who looks after which projects. */

import { queryOptions } from "@tanstack/react-query";
import { get, request, segment } from "./client.ts";
import type { Member, MemberChange, NewMember, Team } from "./types.ts";

export const membersQuery = (org: string) =>
  queryOptions({
    queryKey: ["org", org, "members"],
    queryFn: ({ signal }) => get<Member[]>(`organizations/${org}/members/`, { signal }),
    staleTime: 60_000,
  });

export const teamsQuery = (org: string) =>
  queryOptions({
    queryKey: ["org", org, "teams"],
    queryFn: ({ signal }) => get<Team[]>(`organizations/${org}/teams/`, { signal }),
    staleTime: 60_000,
  });

const memberAt = (org: string, id: string) => `organizations/${org}/members/${id}/`;
const teamAt = (org: string, slug: string) => `teams/${org}/${segment(slug)}/`;

export async function inviteMember(org: string, body: NewMember) {
  return (await request<Member>("POST", `organizations/${org}/members/`, { body })).data;
}

export async function updateMember(org: string, id: string, body: MemberChange) {
  return (await request<Member>("PUT", memberAt(org, id), { body })).data;
}

export async function removeMember(org: string, id: string) {
  await request("DELETE", memberAt(org, id));
}

export async function createTeam(org: string, body: { name: string; slug?: string }) {
  return (await request<Team>("POST", `organizations/${org}/teams/`, { body })).data;
}

export async function updateTeam(org: string, slug: string, body: { name?: string; slug?: string }) {
  return (await request<Team>("PUT", teamAt(org, slug), { body })).data;
}

export async function removeTeam(org: string, slug: string) {
  await request("DELETE", teamAt(org, slug));
}

/** Puts a member into a team, or takes them out. */
export async function setTeamMember(org: string, team: string, member: string, isIn: boolean) {
  await request(isIn ? "POST" : "DELETE", `${memberAt(org, member)}teams/${segment(team)}/`);
}

/** Lets a team look after a project, or no longer. */
export async function setTeamProject(org: string, team: string, project: string, isIn: boolean) {
  await request(isIn ? "POST" : "DELETE", `projects/${org}/${project}/teams/${segment(team)}/`);
}
