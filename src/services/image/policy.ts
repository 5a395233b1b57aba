import type { PolicyRule } from '../../lib/policy/policy.ts';

const member = 'role:admin or (role:member and project_id:%(project_id)s)';
const reader = 'role:admin or (role:reader and project_id:%(project_id)s)';
const anyoneWhoSees = (role: string): string =>
  `role:admin or (role:${role} and (project_id:%(project_id)s or project_id:%(member_id)s or "community":%(visibility)s or "public":%(visibility)s or "shared":%(visibility)s))`;

const rule = (check: string, description: string): PolicyRule => ({ check, description });

/** Who may do what, under Glance's rule names. Targets: `project_id` is the owner, `member_id` the caller's project where it is a member, and `visibility`. */
export const imagePolicy = {
  default: rule('', 'Rules that are not named.'),
  context_is_admin: rule('role:admin', 'Who sees the images of all projects.'),
  add_image: rule(member, 'Create an image.'),
  delete_image: rule(member, 'Delete an image.'),
  get_image: rule(anyoneWhoSees('reader'), 'Show an image.'),
  get_images: rule(reader, 'List images.'),
  modify_image: rule(member, 'Change an image, its properties and tags.'),
  publicize_image: rule('role:admin', 'Make an image public.'),
  communitize_image: rule(member, 'Make an image a community image.'),
  download_image: rule(anyoneWhoSees('member'), 'Download the data of an image.'),
  upload_image: rule(member, 'Upload, stage or import the data of an image.'),
  add_member: rule(member, 'Share an image with a project.'),
  delete_member: rule(member, 'Take a share back.'),
  get_member: rule(
    'role:admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))',
    'Show one share of an image.',
  ),
  get_members: rule(
    'role:admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))',
    'List the shares of an image.',
  ),
  modify_member: rule('role:admin or (role:member and project_id:%(member_id)s)', 'Accept or reject a share.'),
  deactivate: rule(member, 'Forbid downloads of an image.'),
  reactivate: rule(member, 'Allow them again.'),
} as const satisfies Record<string, PolicyRule>;

export type ImageRule = keyof typeof imagePolicy;
