import type { ColumnType } from 'kysely';
import type { ImageStatus, MemberStatus, Visibility } from './image-record.ts';

/** Read as ISO 8601 text. */
type Moment = ColumnType<string, Date, Date>;

/** Rows of the image service's database; they do not leave `image-store.ts` and `list-images.ts`. */
export interface ImageTables {
  images: {
    id: string;
    name: string | null;
    status: ImageStatus;
    visibility: Visibility;
    owner: string | null;
    protected: boolean;
    os_hidden: boolean;
    disk_format: string | null;
    container_format: string | null;
    min_disk: number;
    min_ram: number;
    size: number | null;
    virtual_size: number | null;
    checksum: string | null;
    os_hash_value: string | null;
    properties: ColumnType<Record<string, string>, string, string>;
    created_at: Moment;
    updated_at: Moment;
  };
  image_tags: { image_id: string; tag: string };
  image_members: { image_id: string; member_id: string; status: MemberStatus; created_at: Moment; updated_at: Moment };
}
