import Type, { type Static } from 'typebox';
import { plainBody } from '../../../lib/http/versioned-body.ts';

const Text = Type.String({ minLength: 1, maxLength: 255 });
/** Longer ones are refused before any work is spent on them. */
const Secret = Type.String({ maxLength: 4096 });
const DomainRef = Type.Object({ id: Type.Optional(Text), name: Type.Optional(Text) });
const NamedRef = Type.Object({ id: Type.Optional(Text), name: Type.Optional(Text), domain: Type.Optional(DomainRef) });

const Identity = Type.Object({
  methods: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 8 }),
  password: Type.Optional(Type.Object({ user: Type.Intersect([NamedRef, Type.Object({ password: Secret })]) })),
  token: Type.Optional(Type.Object({ id: Type.String({ maxLength: 8192 }) })),
  application_credential: Type.Optional(
    Type.Object({ id: Type.Optional(Text), name: Type.Optional(Text), secret: Secret, user: Type.Optional(NamedRef) }),
  ),
});
const Scope = Type.Union([
  Type.Literal('unscoped'),
  Type.Object({
    unscoped: Type.Optional(Type.Object({})),
    project: Type.Optional(NamedRef),
    domain: Type.Optional(DomainRef),
    system: Type.Optional(Type.Object({ all: Type.Boolean() })),
    'OS-TRUST:trust': Type.Optional(Type.Object({ id: Text })),
  }),
]);

export type DomainRef = Static<typeof DomainRef>;
export type NamedRef = Static<typeof NamedRef>;
export type IdentityBody = Static<typeof Identity>;
export type ScopeBody = Static<typeof Scope>;

export const AuthBody = plainBody('Authentication', Type.Object({ identity: Identity, scope: Type.Optional(Scope) }));
