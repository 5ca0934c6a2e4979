import { defineSettings, setting } from '@tocsin/service-kit'

/** What `tocsin start` reads beside the settings of the parts. */
export const startSettings = defineSettings({
  data: setting.path({
    env: 'TOCSIN_DATA',
    flag: 'data',
    doc: 'The folder that keeps log, alerts and state. Started again on it, everything goes on where it was.',
    default: '.tocsin',
  }),
})
