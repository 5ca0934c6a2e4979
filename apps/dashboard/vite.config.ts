import react from '@vitejs/plugin-react'
import { defaultClientConditions, defineConfig } from 'vite'

// `base: './'` with hash routes: the page runs at any path behind any proxy, and the server needs no fallback route.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react()],
  resolve: { conditions: ['@tocsin/source', ...defaultClientConditions] },
  build: {
    target: 'es2023',
    sourcemap: false,
    reportCompressedSize: false,
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  logLevel: 'warn',
})
