// zod compiles schemas with `new Function` where it may. Under the Content-Security-Policy that this page is made for it
// may not, and even trying is reported as a violation. This has to be said before chain-model builds its schemas, which
// is why it is a module of its own and the first import of main.tsx; zod keeps its settings under this global name.
Object.assign(globalThis, { __zod_globalConfig: { jitless: true } })
